from pathlib import Path

import pytest

from escalation.articles import ArticleError, read_article


def test_text_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "article.txt"
    path.write_bytes("\ufeffKyiv’s\r\nair defences\x85".encode())
    assert read_article(path) == "Kyiv’s\r\nair defences\x85"


@pytest.mark.parametrize(("prefix", "offset"), [(b"", 4), (b"\xef\xbb\xbf", 7)])
def test_bytes_that_are_not_utf8_are_named_by_offset(tmp_path: Path, prefix: bytes, offset: int) -> None:
    path = tmp_path / "article.txt"
    path.write_bytes(prefix + b"abc \xe9 def")
    with pytest.raises(ArticleError, match=rf"article\.txt: not UTF-8: byte 0xe9 at offset {offset};"):
        read_article(path)


def test_missing_files_and_directories_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArticleError, match=r"nothing\.txt: No such file"):
        read_article(tmp_path / "nothing.txt")
    with pytest.raises(ArticleError, match="directory"):
        read_article(tmp_path)

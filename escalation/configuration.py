"""The model's configuration for ``transformers``: encoder, labels, windows and thresholds."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from escalation.labels import DEFAULT_ENTITY_LABELS, DEFAULT_STANCES, LabelScheme


class EscalationConfig(PreTrainedConfig):
    """Configuration of an :class:`~escalation.modeling.EscalationModel`.

    Attributes:
        encoder: Configuration of the encoder, of any architecture that ``transformers.AutoModel`` knows.
        entity_labels: Labels of spans.
        stances: Labels of sentences.
        stance_thresholds: For each stance, the least probability at which it holds.
        stance_calibration: For some stances slope and intercept of the line that calibrates their logits (see
            :class:`~escalation.calibration.Calibration`).
        span_calibration: The same for the scores of spans, by entity label.
        window_tokens: Longest sequence the encoder reads, special tokens included.
        window_overlap: Tokens that two pieces of a sentence share where it is longer than a window.
        head_dropout: Dropout in front of the heads.
        tag_loss_weight: Weight of the tag loss; the stance loss weighs 1.
        focal_gamma: Exponent of the focal loss of stances; 0 is plain cross-entropy.
        vote_loss_weight: Weight of the loss that compares how the tokens vote with how a teacher's do.
        word_shapes: Whether the model reads how each word is written (:class:`~escalation.encoding.Shape`).
        float32_matrices: Parts of names of parameters; what carries one keeps its float32 values where an exported
            graph's weights are rounded.
        quantization_block: Numbers that share a scale where an exported graph's weights are rounded (see
            :func:`~escalation.quantization.quantize`).
    """

    model_type = "escalation"
    sub_configs_defaults = {  # noqa: RUF012 - the base class's name and form
        "encoder": SubConfigSpec(config_class=AutoConfig, model_type="bert")
    }

    encoder: dict[str, Any] | PreTrainedConfig | None = None
    entity_labels: list[str] | tuple[str, ...] = DEFAULT_ENTITY_LABELS
    stances: list[str] | tuple[str, ...] = DEFAULT_STANCES
    stance_thresholds: dict[str, float] | None = None
    stance_calibration: dict[str, list[float]] | None = None
    span_calibration: dict[str, list[float]] | None = None
    window_tokens: int = 256
    window_overlap: int = 64
    head_dropout: float = 0.1
    tag_loss_weight: float = 2.0
    focal_gamma: float = 0.0
    vote_loss_weight: float = 0.0
    word_shapes: bool = False
    float32_matrices: list[str] | tuple[str, ...] = ()
    quantization_block: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        self.entity_labels = list(self.entity_labels)
        self.stances = list(self.stances)
        self.float32_matrices = list(self.float32_matrices)
        self.stance_thresholds = dict.fromkeys(self.stances, 0.5) | (self.stance_thresholds or {})

    @property
    def label_scheme(self) -> LabelScheme:
        """The labels as the decoder takes them."""
        return LabelScheme(tuple(self.entity_labels), tuple(self.stances))


AutoConfig.register(EscalationConfig.model_type, EscalationConfig)

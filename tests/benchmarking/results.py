"""A result whose figures are made up."""

from escalation.benchmarking.results import (
    BenchmarkResult,
    Ceiling,
    ColdStart,
    Conditions,
    CorpusScaling,
    DiskSize,
    Latency,
    LengthScaling,
    Machine,
    PeakMemory,
    Skipped,
    ThreadScaling,
    Throughput,
)

MACHINE = Machine(
    "Example 9000", 8, 16, ("avx2", "avx512_vnni"), 32 * 2**30, "Linux 6.1", "3.12.1", {"numpy": "2.4", "torch": "2.13"}
)
CONDITIONS = Conditions("1.2.3", ("small",), "cpu", "auto", 2, 5, "dev.jsonl", 1000, 141, 2703, 5.0, False)

RESULT = BenchmarkResult(
    machine=MACHINE,
    conditions=CONDITIONS,
    ceilings=(Ceiling("bfloat16", 2048, 8e11), Ceiling("float32", 2048, 1.9e11)),
    throughput=(
        Throughput(
            "escalation", "small", 1000, 400.0, 1234.5, 40_000.0, 1200.0, 1300.0, 1190.0, 41.2, 24e6, 0.525, 9.5
        ),
        Throughput("two pipelines", "small", 50, 10.0, 30.0, 1000.0, 29.0, 31.0, None, 1.0),
        Throughput("spaCy | gazetteer", "", 1000, 2000.0, 6000.0, 200_000.0, 5900.0, 6100.0),
    ),
    latency=(Latency("escalation", "small", 20, 250, 0.0212, 0.0304, 0.0511),),
    cold_start=(ColdStart("escalation", "small", 0.73, 0.71, 0.88),),
    peak_memory=(PeakMemory("escalation", "small", 100, 150_000_000),),
    disk=(DiskSize("small", "model.onnx", 27_000_000, 28_000_000),),
    threads=(ThreadScaling("small", 1, 700.0), ThreadScaling("small", 2, 1234.5)),
    lengths=(LengthScaling("small", 10, 1.1, 0.88), LengthScaling("small", 10_000, 0.9, None)),
    corpora=(
        CorpusScaling("small", 1_000, 150_000_000, 1200.0),
        CorpusScaling("small", 100_000, 152_500_000, 1210.0),
    ),
    energy_source="CPU packages",
    skipped=(Skipped("GLiNER2", "gliner2 is not installed"),),
)

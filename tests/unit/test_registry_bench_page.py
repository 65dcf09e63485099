"""docs/registry-at-scale.md, as `make registry-bench` writes it."""

from tests.bench.registry.__main__ import page


def test_the_page_names_the_machine_the_load_and_every_row() -> None:
    text = page(1_000_000, [("import", "1 s"), ("export", "2 s")], "18.6", stolen=0.01, load=12.34)
    assert text.startswith("# A registry of 1,000,000 keys\n")
    assert "| import | 1 s |\n| export | 2 s |\n" in text
    assert all(word in text for word in ("Linux", "PostgreSQL 18.6", "1.0% of the CPU", "load average was 12.3"))
    assert max(map(len, text.splitlines())) <= 150

"""Lists in results: cut to what an agent can bear, the newest first."""

from mcp_server.tools.adjustments import PageRules
from mcp_server.tools.results import cut_page


def test_the_newest_of_a_second_comes_first_also_where_another_has_no_fraction() -> None:
    moments = ["2026-11-29T10:00:00Z", "2026-11-29T10:00:00.857Z", "2026-11-29T09:59:59.999Z"]
    rows = [{"received_at": moment} for moment in moments] + [{}]
    cut = cut_page({"data": rows}, PageRules(whole=True, newest_by="received_at"), 2)

    assert [row["received_at"] for row in cut["data"]] == [moments[1], moments[0]]
    assert cut["left_out"] == 2

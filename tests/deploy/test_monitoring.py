"""The rules, the dashboard and the document of the metrics are held to what a gateway shows."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from adapters.simulator import Fault, FaultKind
from gateway.core.model.errors import GatewayError
from gateway.core.model.provider_errors import UpstreamFault
from gateway.core.upstream.circuit_breaker import BreakerState
from gateway.telemetry.declared import METRICS, PREFIX, Counter, Histogram, Metric
from gateway.telemetry.metrics import Metrics
from tests.deploy.promql import Matcher, Query, read
from tests.support.gateway import UNPACED, run_simulated
from tests.support.money import CHARGING, OWN, RENT

ROOT = Path(__file__).resolve().parents[2]
RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((ROOT / "deploy/grafana/getatext-gateway.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
DOCUMENT = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
OF_PROMETHEUS = {"job", "instance"}
SECONDS = re.compile(r"\d+[smh]").fullmatch

QUERIES = [
    *((rule["alert"], rule["expr"]) for rule in ALERTS),
    *((panel["title"], each["expr"]) for panel in PANELS for each in panel["targets"]),
]


@dataclass(frozen=True, slots=True)
class Shown:
    """What `/metrics` showed: of each sample's name, the labels and their values."""

    samples: dict[str, list[dict[str, str]]]

    def labels(self, name: str) -> set[str]:
        return {label for one in self.samples[name] for label in one} | OF_PROMETHEUS


@pytest.fixture(scope="module")
def shown() -> Shown:
    """Of a gateway that was used, refused and out of turn at least once."""
    samples: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(asyncio.run(used())):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample.labels)
    return Shown(samples)


async def used() -> str:
    paced = {**UNPACED, "balance": 20.0}
    async with run_simulated(CHARGING, getatext_rates=paced, getatext_api_key=OWN) as stand:
        client = stand.client
        rental = (await client.post("/v1/rentals", RENT)).json
        await client.get(f"/v1/rentals/{rental['id']}")
        stand.sim.script(Fault("prices-info", FaultKind.STATUS, status=429))
        for path in ("/v1/balance", "/v1/balance", "/v1/prices", "/v1/nothing"):
            await client.get(path)
        return (await client.ask("GET", "/metrics", key=None)).body.decode()


def outcomes() -> Iterator[str]:
    """What an operation or a call can come to."""
    yield from ("ok", "aborted", "internal_error")
    kinds = [GatewayError]
    while kinds:
        kind = kinds.pop()
        yield kind.code
        kinds += kind.__subclasses__()


def possible(name: str, matcher: Matcher, shown: Shown) -> bool:
    """Whether a label of this metric can have such a value."""
    if matcher.label in OF_PROMETHEUS:
        return True
    if name.endswith(("operations_total", "upstream_calls_total")):
        return any(matcher.takes(value) for value in outcomes())
    if matcher.label == "status":
        return any(matcher.takes(str(status)) for status in (200, 404, 500))
    return any(matcher.takes(one[matcher.label]) for one in shown.samples[name])


def understood(query: Query, name: str, shown: Shown) -> list[str]:
    """What of a query no gateway shows."""
    wrong = [f"{name}: groups by {label}" for label in query.groups]
    for metric, matchers in query.metrics:
        if metric == "up":
            continue
        if metric not in shown.samples:
            wrong.append(f"{name}: no metric {metric}")
            continue
        wrong = [each for each in wrong if each.rpartition(" ")[2] not in shown.labels(metric)]
        for matcher in matchers:
            if matcher.label not in shown.labels(metric):
                wrong.append(f"{name}: {metric} has no label {matcher.label}")
            elif not possible(metric, matcher, shown):
                wrong.append(f"{name}: {metric} has no {matcher.label} {matcher.value}")
    return wrong


def test_every_name_and_label_of_the_rules_and_the_dashboard_is_shown(shown: Shown) -> None:
    queries = [(name, read(expression)) for name, expression in QUERIES]
    queries += [("a variable", read(each["definition"].replace(", instance", "")))
                for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]  # fmt: skip
    wrong = [each for name, query in queries for each in understood(query, name, shown)]

    assert all(query.metrics for _, query in queries)
    assert wrong == []


def test_what_is_shown_is_declared_and_what_is_declared_is_on_the_dashboard(
    shown: Shown,
) -> None:
    families = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in shown.samples}
    own = {name for name in families if not name.startswith(f"{PREFIX}_process_")}
    used = {name for _, expression in QUERIES for name, _ in read(expression).metrics}
    shown_on_it = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in used}

    assert own == {metric.full_name for metric in METRICS}
    assert own - shown_on_it == set()
    for metric in METRICS:
        name = f"{metric.full_name}_total" if isinstance(metric, Counter) else metric.full_name
        name = f"{name}_count" if isinstance(metric, Histogram) else name
        assert shown.labels(name) - OF_PROMETHEUS == set(metric.labels)


@pytest.mark.parametrize(
    "query",
    [
        "sum(x",
        "x)",
        "x{a='b'}",
        "x{a=b}",
        "sum by a (x)",
        "sum by (a (x))",
        "avg_over(x)",
        "x[5]",
        "ä",
    ],
)
def test_a_query_that_is_not_understood_is_a_mistake(query: str) -> None:
    with pytest.raises((ValueError, StopIteration)):
        read(query)


def test_the_reader_of_queries_finds_names_labels_and_groups() -> None:
    query = read('sum by (le, a) (rate(x_bucket{b=~"5..", c!="d"}[5m])) / y > 0.5 and z')

    assert query.groups == {"le", "a"}
    assert [name for name, _ in query.metrics] == ["x_bucket", "y", "z"]
    assert query.metrics[0][1] == [Matcher("b", "=~", "5.."), Matcher("c", "!=", "d")]
    assert query.metrics[0][1][0].takes("503")
    assert not query.metrics[0][1][1].takes("d")


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_rule_says_what_is_wrong_and_where_to_read_on(rule: dict[str, Any]) -> None:
    told = rule["annotations"]
    path, _, anchor = told["runbook"].partition("#")

    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Getatext[A-Z][A-Za-z]+", rule["alert"])
    assert SECONDS(rule.get("for", "1m"))
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(told) == {"summary", "description", "runbook"}
    assert told["description"].endswith((".", "?"))
    assert anchor in anchors(ROOT / path)
    grouped = read(rule["expr"]).groups | OF_PROMETHEUS
    for text in told.values():
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= grouped
        assert text.count("{{") == text.count("}}")


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_what_alerts_by_an_increase_is_shown_before_its_first(rule: dict[str, Any]) -> None:
    # Prometheus sees none in a counter that appears as 1.
    rises = re.findall(r"increase\(([^\[]+)\[", rule["expr"])
    fresh: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(Metrics().render().decode()):
        for sample in family.samples:
            fresh.setdefault(sample.name, []).append(sample.labels)

    for name, matchers in (one for each in rises for one in read(each).metrics):
        assert any(
            all(matcher.takes(labels[matcher.label]) for matcher in matchers)
            for labels in fresh[name]
        ), name


@pytest.mark.parametrize("state", BreakerState)
def test_a_breaker_that_tries_in_vain_again_and_again_goes_on_alerting(state: BreakerState) -> None:
    [rule] = [rule for rule in ALERTS if rule["alert"] == "GetatextProviderDown"]
    [(name, [matcher])] = read(rule["expr"]).metrics
    metrics = Metrics()
    metrics.breaker_changed("balance", state)
    shown = {
        sample.labels["state"]: sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if sample.name == name and sample.labels["group"] == "balance"
    }
    fires = rule["expr"].endswith(f"== {shown[matcher.value]:.0f}")

    assert fires is (state is not BreakerState.CLOSED)


def test_what_the_provider_refuses_is_no_failure_of_it() -> None:
    [rule] = [rule for rule in ALERTS if rule["alert"] == "GetatextProviderFailing"]
    [(_, [outcome]), _] = read(rule["expr"]).metrics
    kinds: list[type[UpstreamFault]] = [UpstreamFault, *UpstreamFault.__subclasses__()]
    faults = {kind.code for kind in kinds}
    failing = {code for code in outcomes() if outcome.takes(code)}

    # A caller's key that is none is "upstream_auth_failed"; GetatextKeyRefused tells of our own.
    assert failing == faults - {"upstream_auth_failed"} | {"outcome_unknown"}


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", each.lower()).replace(" ", "-") for each in headings}


def test_no_rule_has_the_name_of_another() -> None:
    names = [rule["alert"] for rule in ALERTS]

    assert len(names) == len(set(names))


def test_the_dashboard_can_be_imported_anywhere() -> None:
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    source = {"type": "prometheus", "uid": "${datasource}"}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]

    assert (
        DASHBOARD["schemaVersion"] >= 36
    )  # Grafana 9; 10 and 11 migrate what is older than theirs
    assert "id" not in DASHBOARD
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == (
        "datasource",
        "prometheus",
    )
    assert len(ids) == len(set(ids))
    for panel in PANELS:
        assert panel["datasource"] == source
        assert all(each["datasource"] == source for each in panel["targets"])
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_the_panels_of_the_dashboard_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells


def test_each_legend_names_labels_that_its_query_keeps() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert legend <= read(target["expr"]).groups | OF_PROMETHEUS, panel["title"]


def row(metric: Metric) -> str:
    """Its row in the document."""
    name = f"{metric.full_name}_total" if isinstance(metric, Counter) else metric.full_name
    kind = {"level": "gauge"}.get(type(metric).__name__.lower(), type(metric).__name__.lower())
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    whose = "the database" if metric.of_database else "this node"
    return f"| `{name}` | {kind} | {labels} | {metric.about} | {whose} | {metric.over_nodes} |"


def test_the_document_has_a_row_for_each_metric_and_no_other() -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{PREFIX}_")]

    assert rows == [row(metric) for metric in METRICS]

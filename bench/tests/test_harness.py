"""The harness's arithmetic, what it reads of logs, and what it writes. Pure; takes less than a second."""

import json
import unittest
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime

from harness import arithmetic, audit, aws, charts, instructions, kubernetes, plan, processes, report
from harness.systems import GoPeer, ShellPeer


class Arithmetic(unittest.TestCase):
    def test_a_percentile_is_a_value_that_was_measured(self) -> None:
        values = [float(number) for number in range(1, 101)]
        self.assertEqual(arithmetic.percentile(values, 0.5), 50)
        self.assertEqual(arithmetic.percentile(values, 0.99), 99)
        self.assertEqual(arithmetic.percentile([3.0, 1.0], 0.99), 3)
        self.assertEqual(arithmetic.percentile([3.0, 1.0], 0.0), 1)
        with self.assertRaises(ValueError):
            arithmetic.percentile([], 0.5)
        with self.assertRaises(ValueError):
            arithmetic.percentile([1.0], 50)

    def test_the_median_of_two_is_between_them(self) -> None:
        self.assertEqual(arithmetic.median([4.0, 1.0]), 2.5)
        self.assertEqual(arithmetic.median([9.0, 1.0, 2.0]), 2)

    def test_a_quotas_floor_begins_with_the_burst(self) -> None:
        # 100 resources with four calls each, 30 a second, the first 30 at once.
        self.assertAlmostEqual(arithmetic.quota_floor(400, 30), 370 / 30)
        self.assertEqual(arithmetic.quota_floor(20, 30), 0)
        self.assertEqual(arithmetic.quota_floor(1_000, None), 0)
        with self.assertRaises(ValueError):
            arithmetic.quota_floor(1, 0)

    def test_ten_deletions_at_a_time_and_nobody_waits_for_the_last_ten(self) -> None:
        self.assertEqual(arithmetic.deletion_floor(10, 6), 0)
        self.assertEqual(arithmetic.deletion_floor(11, 6), 6)
        self.assertEqual(arithmetic.deletion_floor(100, 6), 54)
        self.assertEqual(arithmetic.deletion_floor(0, 6), 0)

    def test_a_slope_goes_through_points_on_a_line(self) -> None:
        steep, start = arithmetic.slope([(0, 20), (1_000, 24), (10_000, 60)])
        self.assertAlmostEqual(steep, 0.004)
        self.assertAlmostEqual(start, 20)
        with self.assertRaises(ValueError):
            arithmetic.slope([(1, 1), (1, 2)])


class Reading(unittest.TestCase):
    def test_a_counter_is_the_sum_of_its_labels(self) -> None:
        metrics = '# TYPE a_total counter\na_total{kind="x",outcome="rest"} 3\na_total{kind="y"} 4\na_total_more 9\nb 1\n'
        self.assertEqual(arithmetic.counter(metrics, "a_total"), 7)
        self.assertEqual(arithmetic.counter(metrics, "c"), 0)

    def test_requests_are_counted_by_verb_and_resource(self) -> None:
        def event(verb: str, user: str, resource: str, sub: str = "", stage: str = "ResponseComplete") -> bytes:
            reference = {"resource": resource, "subresource": sub}
            return json.dumps({
                "verb": verb, "user": {"username": user}, "objectRef": reference, "stage": stage, "requestURI": "/x",
            }).encode() + b"\n"

        lines = [
            event("update", "me", "greengrassdeployments", "status"),
            event("update", "me", "leases"),
            event("watch", "me", "greengrassdeployments", stage="ResponseStarted"),
            event("watch", "me", "greengrassdeployments"),
            event("create", "you", "events"),
            event("create", "me", "events")[:-5],
        ]
        counts = audit.count(lines, "me")
        expected = {"update greengrassdeployments/status": 1, "update leases": 1, "watch greengrassdeployments": 1}
        self.assertEqual(dict(counts), expected)
        self.assertEqual(audit.writes(counts), 1)

    def test_times_of_the_ledger_keep_their_fractions(self) -> None:
        self.assertAlmostEqual(aws.seconds_of("1970-01-01T00:00:01.25Z"), 1.25)
        self.assertAlmostEqual(aws.seconds_of("1970-01-01T00:01:00.123456789Z"), 60.123456789)
        self.assertEqual(aws.seconds_of("1970-01-01T00:00:02Z"), 2)

    def test_a_resource_is_converged_when_its_own_generation_is_ready(self) -> None:
        ready = {"type": "Ready", "status": "True", "observedGeneration": 2}
        item = {
            "metadata": {"generation": 2},
            "status": {"observedGeneration": 2, "deploymentId": "d", "conditions": [ready]},
        }
        self.assertTrue(kubernetes.is_converged(item))
        self.assertFalse(kubernetes.is_converged(item | {"metadata": {"generation": 3}}))
        self.assertFalse(kubernetes.is_converged({"metadata": {"generation": 1}}))
        stale = item["status"] | {"conditions": [ready | {"observedGeneration": 1}]}
        self.assertFalse(kubernetes.is_converged(item | {"status": stale}))

    def test_a_kubeconfig_is_read_in_either_form(self) -> None:
        self.assertEqual(kubernetes.scalar("clusters:\n- cluster:\n    server: https://127.0.0.1:1\n", "server"), "https://127.0.0.1:1")
        self.assertEqual(kubernetes.scalar('{"clusters": [{"cluster": {"server": "s"}}]}', "server"), "s")

    def test_a_process_may_have_any_name(self) -> None:
        self.assertEqual(processes.fields_of("12 (a) b) S 1 2")[:2], ["S", "1"])

    def test_callgrinds_total_is_found(self) -> None:
        self.assertEqual(instructions.total("version: 1\nevents: Ir\n1 2\ntotals: 12345\n"), 12345)
        with self.assertRaises(ValueError):
            instructions.total("nothing")

    def test_a_signature_is_that_of_its_moment(self) -> None:
        now = datetime(2026, 1, 2, tzinfo=UTC)
        one = aws.signature("GET", "/greengrass/v2/deployments", "", "", "127.0.0.1:1", now)
        other = aws.signature("GET", "/greengrass/v2/deployments", "", "x", "127.0.0.1:1", now)
        self.assertIn("/20260102/eu-west-1/greengrass/aws4_request", one["Authorization"])
        self.assertNotEqual(one["Authorization"], other["Authorization"])


class Plans(unittest.TestCase):
    def test_systems_take_turns_and_the_slow_one_is_spared(self) -> None:
        go, shell = GoPeer(), ShellPeer()
        runs = plan.PLANS["quick"].runs([go, shell])
        creates = [(run.system.name, run.count, run.repetition) for run in runs if "create" in run.scenarios]
        self.assertEqual(creates, [
            ("controller-runtime", 100, 0), ("shell", 100, 0), ("controller-runtime", 100, 1), ("controller-runtime", 300, 0),
        ])
        self.assertNotIn("burst", next(run for run in runs if run.system is shell).scenarios)

    def test_only_the_full_plan_has_ten_thousand(self) -> None:
        most = {name: max(size.count for size in each.sizes) for name, each in plan.PLANS.items() if each.sizes}
        self.assertEqual(most, {"quick": 300, "full": 10_000, "short": 100, "smoke": 20})


def run(system: str, converged: float, repetition: int = 0) -> dict:
    create = {
        "converged": converged, "floorProtocol": 10.0, "floorOneCall": 2.0, "awsCalls": {"CreateDeployment": 100},
        "awsCallsTotal": 300, "cpuSeconds": 1.0, "reconciles": 400, "duplicates": 0, "unfinished": 0, "harnessProcessorBusy": 0.9,
    }
    points = [{"resources": count, "residentBytes": (20 << 20) + 4096 * count} for count in (0, 1_000)]
    return {
        "system": system, "count": 100, "profile": "quotas", "repetition": repetition,
        "scenarios": {"create": create, "memory": {"points": points, "restart": {"peakBytes": 30 << 20}}},
    }


RUNS = [run("greengrass-operator", 12.0), run("kopf", 6.0), run("greengrass-operator", 14.0, 1)]


class Writing(unittest.TestCase):
    def test_a_cell_has_the_median_and_the_spread(self) -> None:
        self.assertEqual(report.cell([1.0, 2.0, 30.0]), "2 (1–30)")
        self.assertEqual(report.cell([0.0, 0.0]), "0")
        self.assertEqual(report.cell([]), "–")
        self.assertEqual([report.written(value) for value in (0.004, 0.123, 12.34, 1234.5)], ["0.004", "0.12", "12.3", "1,234"])

    def test_a_table_has_a_column_for_each_system(self) -> None:
        said = report.scenario_tables(RUNS)
        self.assertIn("### Cold create: N = 100, quotas", said)
        self.assertIn("|   | greengrass-operator | kopf |", said)
        self.assertIn("| until all are ready, s | 13 (12–14) | 6 |", said)
        self.assertIn("| observed ÷ floor of its own protocol | 1.30 (1.20–1.40) | 0.60 |", said)
        self.assertIn("| AWS calls per resource | 3 | 3 |", said)
        self.assertIn("| CPU seconds per 1,000 reconciles | 2.50 | 2.50 |", said)
        self.assertNotIn("Idle", said)

    def test_where_a_peer_is_better_it_is_said(self) -> None:
        said = report.better_peers(RUNS)
        self.assertIn("until all are ready, s: greengrass-operator 13; kopf 6", said)
        self.assertNotIn("AWS calls per resource", said)

    def test_memory_has_its_slope(self) -> None:
        self.assertIn("| KiB a resource (slope) | 4 | 4 |", report.memory_table(RUNS))

    def test_a_busy_harness_is_confessed(self) -> None:
        self.assertIn("in 3 of 3 measurements the harness's processor", report.troubles(RUNS))

    def test_only_what_is_between_the_markers_changes(self) -> None:
        document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
        said = report.between(document, "new")
        self.assertTrue(said.startswith("before\n") and said.endswith("after\n"))
        self.assertNotIn("old", said)
        self.assertEqual(report.between(said, "new"), said)
        with self.assertRaises(ValueError):
            report.between("no markers", "new")

    def test_charts_are_well_formed_and_name_their_axes(self) -> None:
        for chart in (report.create_chart(RUNS), report.change_chart(RUNS), report.memory_chart(RUNS)):
            root = ElementTree.fromstring(chart)
            self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
            self.assertIn("prefers-color-scheme: dark", chart)
        self.assertIn("seconds", report.create_chart(RUNS))
        self.assertIn("MiB", report.memory_chart(RUNS))

    def test_ticks_are_round_and_reach_the_most(self) -> None:
        self.assertEqual(charts.ticks(13), [0, 5, 10, 15])
        self.assertEqual(charts.ticks(0), [0, 1])
        self.assertGreaterEqual(charts.ticks(0.21)[-1], 0.21)


if __name__ == "__main__":
    unittest.main()

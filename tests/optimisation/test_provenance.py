"""Where a policy was learnt survives saving, and walks up the tree where a node had nothing of its own."""

from __future__ import annotations

import numpy as np

import tactful as tt
from logs import GRID, on_terms, random_log
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Objective
from tactful.core.segments import Segments
from tactful.models.hierarchical.posterior import Hierarchical
from tactful.optimisation.provenance import at_node, traced

OBJECTIVE = Objective({"engaged": 1.0})


def test_it_is_in_the_artifact_and_does_not_change_the_version(tmp_path):
    log = random_log(1, users=80, periods=3, actions=GRID, outcomes=("engaged",))
    posterior = Hierarchical().fit(log)
    policy = tt.publish(posterior, OBJECTIVE)
    tt.save(policy, tmp_path)
    learnt = tt.load(tmp_path).lineage.learnt["engaged"]
    np.testing.assert_allclose(learnt["size"], np.median(posterior.strength("engaged"), 1), rtol=1e-5)
    assert learnt["level"] == posterior.level("engaged").tolist()
    assert on_terms(policy, lineage=None).version == policy.version


def test_a_model_without_levels_tells_its_size_alone():
    log = random_log(1, users=80, periods=3, outcomes=("engaged",))
    learnt = traced(tt.Conjugate().fit(log), ("engaged",)).learnt["engaged"]
    assert set(learnt) == {"size"}
    assert len(learnt["size"]) == len(log.segments)


def test_a_node_learnt_above_names_its_ancestor():
    tree = Segments.of(["ios/new", "web"])
    node = tree.index("ios/new")
    for level, at in ((0, ""), (1, "ios"), (2, "ios/new")):
        levels = [float(level) if v == node else 0.0 for v in range(len(tree))]
        lineage = Lineage(learnt={"engaged": {"size": [7.0] * len(tree), "level": levels}})
        assert at_node(lineage, tree, node) == {"engaged": {"at": at, "effective_sample_size": 7.0}}
    assert at_node(Lineage(learnt={"x": {"size": [3.0] * len(tree)}}), tree, node)["x"]["at"] is None

"""Which test covers which module: the tests mirror the source, and what has no mirror is listed here."""

from __future__ import annotations

from collections import Counter

from faces import ROOT, SOURCE

TESTS = ROOT / "tests"
# Aliases of types and protocols: there is nothing in them that could be run by itself.
WITHOUT_CODE = {"core/arrays.py", "core/events.py", "models/base.py", "policies/protocol.py"}
# By test: the modules that it covers beside the one that it is named after.
COVERED = {
    "architecture/test_faces.py": ("_faces.py",),
    "architecture/test_light_install.py": (
        "__main__.py",
        "errors.py",
    ),
    "batch/test_best_action_pmf.py": ("batch/pmf.py",),
    "batch/test_user_keys.py": ("batch/keys.py",),
    "cli/test_answer_first.py": (
        "cli/beside.py",
        "tracking/experiments.py",
        "tracking/patience.py",
        "tracking/store.py",
    ),
    "cli/test_commands.py": (
        "cli/check.py",
        "cli/console.py",
        "cli/decide.py",
        "cli/demo.py",
        "cli/explain.py",
        "cli/init.py",
        "cli/main.py",
        "cli/options.py",
        "cli/record.py",
    ),
    "cli/test_evaluation_cli.py": (
        "cli/estimate_table.py",
        "cli/evaluate.py",
        "cli/report.py",
        "cli/rollup.py",
    ),
    "cli/test_fit_models.py": (
        "cli/explorer_options.py",
        "cli/fit.py",
        "cli/models.py",
    ),
    "cli/test_gate_commands.py": (
        "cli/gate.py",
        "cli/monitor.py",
        "cli/power.py",
    ),
    "cli/test_health_commands.py": ("cli/replay.py",),
    "cli/test_join_command.py": ("cli/join.py",),
    "cli/test_serve_command.py": (
        "cli/serve.py",
        "service/run.py",
    ),
    "core/test_replacing.py": ("core/files.py",),
    "diagnostics/test_check.py": (
        "diagnostics/finding.py",
        "diagnostics/outcome_health.py",
        "diagnostics/support.py",
    ),
    "diagnostics/test_health.py": (
        "diagnostics/calibration.py",
        "diagnostics/chance_tests.py",
        "diagnostics/mean_weight.py",
        "diagnostics/sample_ratio.py",
        "diagnostics/stability.py",
        "diagnostics/sticky_draws.py",
        "diagnostics/strata.py",
        "diagnostics/survivorship.py",
    ),
    "evaluation/sequential/test_sequential_evaluation.py": (
        "evaluation/sequential/fitted_q.py",
        "evaluation/sequential/panel.py",
        "evaluation/sequential/sequential_estimators.py",
        "evaluation/sequential/states.py",
        "evaluation/sequential/value_bound.py",
    ),
    "evaluation/test_estimator_registry.py": ("evaluation/finite_sample.py",),
    "evaluation/test_evaluate.py": ("evaluation/target_policies.py",),
    "evaluation/test_opt_out_price.py": ("evaluation/user_histories.py",),
    "evaluation/test_reward_models.py": (
        "evaluation/importance.py",
        "evaluation/regressors.py",
    ),
    "frames/building/test_join.py": (
        "frames/building/attribution.py",
        "frames/building/event_frames.py",
    ),
    "frames/building/test_rollup.py": (
        "frames/building/attach.py",
        "frames/building/cadences.py",
        "frames/building/rollup_notes.py",
        "frames/building/sends.py",
        "frames/spec/rollup_spec.py",
    ),
    "frames/reading/test_contract.py": (
        "frames/reading/maturity.py",
        "frames/reading/projection.py",
        "frames/reading/rows.py",
        "frames/reading/typed_columns.py",
    ),
    "frames/reading/test_folders.py": ("frames/reading/part_types.py",),
    "frames/reading/test_read_log.py": (
        "frames/reading/clock.py",
        "frames/reading/scan.py",
        "frames/write.py",
    ),
    "frames/reading/test_times.py": (
        "core/instants.py",
        "frames/reading/epochs.py",
        "frames/spec/timezones.py",
    ),
    "frames/spec/test_log_spec.py": (
        "frames/spec/expressions.py",
        "frames/spec/sections.py",
        "frames/spec/sources.py",
        "frames/spec/toml_tables.py",
    ),
    "frames/test_decisions.py": ("frames/user_keys.py", "frames/user_rows.py"),
    "frames/test_partitions.py": ("frames/simulated_log.py",),
    "journal/test_journal.py": (
        "journal/event.py",
        "journal/tables.py",
        "journal/writer.py",
    ),
    "learners/test_replay.py": (
        "learners/batches.py",
        "learners/learner.py",
        "learners/rejection.py",
        "learners/results.py",
        "learners/trajectory.py",
        "learners/values.py",
    ),
    "models/conjugate/test_conjugate.py": (
        "models/conjugate/empirical_bayes.py",
        "models/conjugate/posterior.py",
    ),
    "models/contextual/test_linear.py": (
        "core/features.py",
        "models/contextual/action_sharing.py",
        "models/contextual/coefficients.py",
        "models/contextual/context_rows.py",
        "models/contextual/gaussian.py",
        "models/contextual/moments.py",
        "models/contextual/posterior.py",
        "models/contextual/prior_strength.py",
        "models/contextual/residuals.py",
        "models/contextual/shards.py",
    ),
    "models/contextual/test_logistic.py": (
        "models/contextual/coefficient_fit.py",
        "models/contextual/context_sample.py",
        "models/contextual/glm.py",
        "models/contextual/newton.py",
        "models/counted_posterior.py",
        "models/training_lineage.py",
    ),
    "models/hierarchical/test_hierarchical.py": (
        "models/hierarchical/marginal_likelihood.py",
        "models/hierarchical/outcome_fit.py",
        "models/hierarchical/posterior.py",
    ),
    "models/hierarchical/test_laplace.py": (
        "models/hierarchical/action_kernel.py",
        "models/likelihoods.py",
        "models/tree/draws.py",
        "models/tree/message_passing.py",
    ),
    "models/test_evidence.py": ("models/sufficient_statistics.py",),
    "models/test_posterior_files.py": (
        "models/contextual/files.py",
        "models/files.py",
    ),
    "ope/test_betting.py": (
        "ope/bernstein.py",
        "ope/wealth.py",
    ),
    "ope/test_sequential.py": ("ope/trajectories.py",),
    "ope/test_weights.py": ("core/parallel.py",),
    "optimisation/test_constrained.py": (
        "optimisation/linear_programme.py",
        "optimisation/node_population.py",
    ),
    "optimisation/test_contextual_publish.py": (
        "optimisation/cautious.py",
        "optimisation/context_population.py",
        "optimisation/explorers.py",
        "optimisation/scores.py",
        "optimisation/utility.py",
    ),
    "optimisation/test_provenance.py": ("core/lineage.py",),
    "planning/test_verdict_chance.py": (
        "planning/from_guess.py",
        "planning/from_log.py",
        "planning/power.py",
    ),
    "policies/test_artifact.py": ("policies/codec.py",),
    "policies/test_contextual.py": (
        "policies/bank_score.py",
        "policies/grid.py",
        "policies/linear_score.py",
    ),
    "policies/test_contextual_artifact.py": ("policies/tensors.py",),
    "promotion/test_gate.py": (
        "evaluation/volume.py",
        "promotion/claims.py",
        "promotion/results.py",
        "promotion/wording.py",
    ),
    "report/test_cadence.py": ("report/cadence_figure.py",),
    "report/test_evaluation_figures.py": (
        "evaluation/overlap.py",
        "planning/frontier.py",
        "report/canvas.py",
        "report/estimate_figure.py",
        "report/frontier_figure.py",
        "report/html_page.py",
        "report/html_report.py",
        "report/weight_figure.py",
    ),
    "report/test_health_figures.py": (
        "report/learning_curve_figure.py",
        "report/overlap_figure.py",
    ),
    "service/test_service.py": (
        "service/app.py",
        "service/guard.py",
        "service/messages.py",
        "service/metrics.py",
        "service/operations.py",
        "service/settings.py",
    ),
    "serving/test_decider.py": (
        "batch/table_lookup.py",
        "core/draw.py",
        "serving/decision.py",
        "serving/periods.py",
        "serving/snapshot.py",
    ),
    "serving/test_fallbacks.py": ("serving/contexts.py",),
    "serving/test_schedule.py": (
        "serving/bypass.py",
        "serving/limiter.py",
        "serving/rules.py",
        "serving/zones.py",
    ),
    "serving/test_swaps.py": (
        "serving/folder.py",
        "serving/timeline.py",
        "serving/timeline_entries.py",
    ),
    "simulate/test_exact_worlds.py": (
        "simulate/markov_world.py",
        "simulate/plain_world.py",
    ),
    "simulate/test_value.py": (
        "simulate/living.py",
        "simulate/optimal.py",
        "simulate/people.py",
        "simulate/plans.py",
    ),
    "simulate/test_world.py": (
        "simulate/delays.py",
        "simulate/records.py",
        "simulate/simulated.py",
        "simulate/status_quo.py",
        "simulate/world_config.py",
        "simulate/world_spec.py",
    ),
}


def mirror(module: str) -> str:
    """The test that is named after a module; a kernel's ends in ``_kernel``."""
    room, _, name = module.removesuffix(".py").rpartition("/")
    ending = "_kernel" if room == "kernels" else ""
    return f"{room}/test_{name}{ending}.py".removeprefix("/")


def modules() -> list[str]:
    paths = (path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))
    return sorted(path for path in paths if not path.endswith("__init__.py"))


def test_every_module_has_the_test_that_covers_it():
    uncovered = {m for m in modules() if not (TESTS / mirror(m)).exists()}
    listed = Counter(module for covered in COVERED.values() for module in covered) + Counter(WITHOUT_CODE)
    assert uncovered == set(listed)
    assert max(listed.values()) == 1


def test_the_tests_of_the_list_exist():
    assert [test for test in COVERED if not (TESTS / test).exists()] == []
    assert list(COVERED) == sorted(COVERED)
    assert all(list(covered) == sorted(covered) for covered in COVERED.values())

"""When sends tire users: sequential estimates where one-step ones answer another question, and the Markov test."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from results import Results

from tactful.ope import Trajectories, marginalised, markov_test, pdis, weighted_pdis
from tactful.simulate import MEASURES, Coin, Engine, MarkovWorld, People, World, bucket

Array = Any
Cells = dict[str, Any]
WORLD = World()
MARKOV_ESTIMATORS = ("pdis", "weighted pdis", "mis", "one-step")
BUCKETS = 1000  # of fatigue; nobody is in the last ones
SESSIONS, OPT_OUTS = MEASURES.index("sessions"), MEASURES.index("opt_outs")
EXPECTED = MEASURES.index("expected_sessions"), MEASURES.index("expected_opt_outs")


def markov(settings: dict[str, Any], results: Results) -> dict[str, Any]:
    """Errors of estimators in a world whose values are known exactly, for each probability of sending."""
    world, days, targets = MarkovWorld(after=0.0), settings["days"], settings["targets"]
    truth = np.array([world.value(np.tile([1 - q, q], (world.levels, 1)), days).sum() for q in targets])

    def measure() -> dict[str, Any]:
        logs = range(settings["logs"])
        error = np.array([markov_estimates(world, settings, i) for i in logs]) - truth[:, None]
        spread, scale = error.std(0, ddof=1), np.sqrt(len(error))
        return {
            f"{q:g}": {"truth": float(truth[j])}
            | {
                name: {"bias": error[:, j, m].mean(), "error": spread[j, m] / scale, "sd": spread[j, m]}
                for m, name in enumerate(MARKOV_ESTIMATORS)
            }
            for j, q in enumerate(targets)
        }

    results.once("errors", measure)
    return results.cells()


def markov_estimates(world: MarkovWorld, settings: dict[str, Any], i: int) -> Array:
    """(targets, 4) estimates of the value of each probability of sending, from log ``i``."""
    p, shape = settings["logging"], (settings["users"], settings["days"])
    log = world.simulate(*shape, Coin(p), seed=settings["seed"] + i, salt=f"log {i}").log
    level, action = np.full(shape, -1), np.zeros(shape, np.int64)
    reward, cell = np.full(shape, np.nan), (log.user, log.period - log.period.min())
    level[cell], action[cell] = log.context[:, 0].astype(np.int64), log.action
    reward[cell] = log.outcomes["engaged"].value
    estimates = np.empty((len(settings["targets"]), len(MARKOV_ESTIMATORS)))
    for j, q in enumerate(settings["targets"]):
        weight = np.where(action == 1, q / p, (1 - q) / (1 - p))
        paths = Trajectories.of(weight, reward, level >= 0, level)
        mean = (paths.weight * paths.reward).sum() / paths.weight[paths.alive].sum()
        step = mean * paths.alive.sum() / settings["users"]
        estimates[j] = [pdis(paths).value, weighted_pdis(paths).value, marginalised(paths).value, step]
    return estimates


def live(
    people: People, seed: int, settings: dict[str, Any], chance: Array, measures: tuple[int, ...]
) -> dict[str, Array]:
    """Slot by slot, (t, n): whether there was a send, who could get one, fatigue before it, and what came of it.

    ``state`` is the bucket of the fatigue.
    """
    rng, engine = np.random.default_rng((seed, 1)), Engine(WORLD.config, seed, 1)
    slots = settings["days"] * len(WORLD.config.slots)
    bounds = settings["bucket"] * np.arange(1, BUCKETS)
    columns = {str(m): np.empty((slots, people.n)) for m in measures}
    columns |= {name: np.empty((slots, people.n), np.bool_) for name in ("send", "alive")}
    columns["state"] = np.empty((slots, people.n), np.int64)
    for t in range(slots):
        columns["state"][t], columns["alive"][t] = bucket(people, bounds), people.alive
        columns["send"][t] = rng.random(people.n) < chance
        totals = np.zeros((people.n, 1, len(MEASURES)))
        engine.slots(people, t, np.ascontiguousarray(columns["send"][t][:, None]), totals)
        for m in measures:
            columns[str(m)][t] = totals[:, 0, m]
    return columns


def true_values(settings: dict[str, Any]) -> dict[str, list[float]]:
    """Expected sessions and opt-outs per user of sending with each probability, on another population."""
    n, values = settings["truth_users"], {}
    for q in settings["targets"]:
        total = np.zeros(2)
        for first in range(0, n, 10_000):
            people = WORLD.people(min(10_000, n - first), seed=settings["seed"] - 1, first_user=first, threads=1)
            columns = live(people, settings["seed"] - 1 + first, settings, q, EXPECTED)
            total += [columns[str(m)].sum() for m in EXPECTED]
        values[f"{q:g}"] = (total / n).tolist()
    return values


def one_trial(settings: dict[str, Any], seed: int, doses: list[float]) -> dict[str, Any]:
    """Estimates of each probability of sending, (rewards, targets), and the errors of their differences."""
    people = WORLD.people(settings["users"], seed=seed, threads=1)
    n, chance = people.n, np.random.default_rng((seed, 2)).choice(doses, people.n)
    columns = live(people, seed, settings, chance, (SESSIONS, OPT_OUTS))
    send, alive, state = (columns[name] for name in ("send", "alive", "state"))
    usual = people.visits / len(send)  # organic visits of the 28 days before: the same whatever is done
    values = np.empty((2, len(settings["prices"]), len(settings["targets"])))
    errors, influence = [], np.empty((len(settings["targets"]), n))
    for r, price in enumerate(settings["prices"]):
        reward = columns[str(SESSIONS)] - price * columns[str(OPT_OUTS)] - usual
        unreached = reward[~alive].sum()
        for j, q in enumerate(settings["targets"]):
            weight = np.where(send, q / chance, (1 - q) / (1 - chance))
            estimate = marginalised(Trajectories.of(weight.T, reward.T, alive.T, state.T), normalised=True)
            mean = (weight * reward)[alive].sum() / weight[alive].sum()
            values[0, r, j] = estimate.value + people.visits.mean()
            values[1, r, j] = (mean * alive.sum() + unreached) / n + people.visits.mean()
            influence[j] = estimate.influence
        difference = influence[:, None, :] - influence[None, :, :]
        errors.append(np.sqrt((difference**2).sum(2)) / n)
    return {"mis": values[0].tolist(), "one": values[1].tolist(), "error": np.array(errors).tolist()}


def trial(settings: dict[str, Any], results: Results) -> dict[str, Any]:
    """Which of two probabilities of sending is better: how often sequential and one-step estimates say it rightly."""
    truth = results.once("truth", lambda: true_values(settings))
    for name, doses in (("doses at random", settings["doses"]), ("one dose", settings["dose"])):
        logs = settings["logs" if len(doses) > 1 else "logs_one_dose"]

        def measure(doses: list[float] = doses, logs: int = logs, name: str = name) -> dict[str, Any]:
            start, trials = time.perf_counter(), []
            for i in range(logs):
                trials.append(one_trial(settings, settings["seed"] + i, doses))
                if i % 50 == 49:
                    print(f"trial, {name}: {i + 1}, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
            return compare(settings, truth, {key: np.array([x[key] for x in trials]) for key in trials[0]})

        results.once(name, measure)
    return results.cells()


def compare(settings: dict[str, Any], truth: dict[str, list[float]], trials: dict[str, Array]) -> dict[str, Any]:
    """By reward and pair of targets: the true difference, whether it is told, and what each estimate says of it."""
    table: dict[str, Any] = {"logs": len(trials["mis"])}
    targets = settings["targets"]
    for r, price in enumerate(settings["prices"]):
        true = np.array([truth[f"{q:g}"][0] - price * truth[f"{q:g}"][1] for q in targets])
        means = {key: trials[key][:, r].mean(0).tolist() for key in ("mis", "one")}
        table[f"price {price:g}"] = {"truth": true.tolist()} | means | {"pairs": []}
        for k in range(len(targets)):
            for j in range(k):
                gap = true[k] - true[j]
                estimate, one_step = (trials[key][:, r, k] - trials[key][:, r, j] for key in ("mis", "one"))
                error = trials["error"][:, r, k, j]
                clear = np.abs(gap) > 2 * error
                right, right_step = estimate * gap > 0, one_step * gap > 0
                table[f"price {price:g}"]["pairs"].append({
                    "pair": [targets[j], targets[k]], "true": gap, "mis": estimate.mean(), "error": error.mean(),
                    "told": clear.mean(), "right": right[clear].mean() if clear.any() else None,
                    "right, all": right.mean(), "one-step": one_step.mean(), "one-step right": right_step.mean(),
                })  # fmt: skip
    return table


def hidden_lag(rng: np.random.Generator, users: int, periods: int, lag: float) -> tuple[Trajectories, Array]:
    """A state that remembers the last action, and a reward of which ``lag`` log-odds hang on the one before."""
    action = (rng.random((users, periods)) < 0.4).astype(np.int64)
    previous, older = (np.pad(action, ((0, 0), (k, 0)))[:, :periods] for k in (1, 2))
    odds = -1 + 0.8 * action - 0.5 * previous - lag * older
    reward = (rng.random((users, periods)) < 1 / (1 + np.exp(-odds))).astype(float)
    departures = np.cumsum(rng.random((users, periods)) < 0.03 * action, 1)
    alive = np.concatenate([np.ones((users, 1), bool), departures[:, :-1] == 0], 1)
    return Trajectories.of(np.ones(alive.shape), np.where(alive, reward, np.nan), alive, previous), action


def lag(settings: dict[str, Any], results: Results) -> dict[str, Any]:
    """Shares of logs in which the Markov test refutes the state at .05."""
    for i, users in enumerate(settings["users"]):
        for j, hidden in enumerate(settings["lags"]):
            logs = settings["logs" if hidden == 0 else "logs_power"]

            def measure(
                cell: tuple[int, int] = (i, j), users: int = users, hidden: float = hidden, n: int = logs
            ) -> Cells:
                rng = np.random.default_rng((settings["seed"], *cell))
                logs = (hidden_lag(rng, users, settings["periods"], hidden) for _ in range(n))
                refuted = np.mean([markov_test(*log).p_value < 0.05 for log in logs])
                return {"users": users, "lag": hidden, "logs": n, "refuted": float(refuted)}

            results.once(f"{users} users, lag {hidden:g}", measure)
    return results.cells()

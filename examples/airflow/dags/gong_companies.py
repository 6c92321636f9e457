"""Gong companies, a DAG each, and one that starts them all.

The DAG of a company: `plan` cuts its history into slices, `read` is mapped over them, `merge` joins
their states into the company's, and `run` reads what is new and all that is no history. Once a
company has a state, the first three are skipped.

Which companies there are is told by `companies.json`; secrets come from Airflow's connections. See
README.md beside this folder.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Connection, Variable, get_current_context, task
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRescheduleException

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

logger = logging.getLogger(__name__)

COMPANIES = Path(os.environ.get("GONG_COMPANIES", Path(__file__).with_name("companies.json")))
# Meltano has an environment of its own: its dependencies and Airflow's do not go together.
MELTANO = os.environ.get("GONG_MELTANO", "meltano")
PROJECT = os.environ.get("GONG_PROJECT", "/opt/gong-singer")
ENVIRONMENT = os.environ.get("GONG_MELTANO_ENVIRONMENT", "prod")
LOADER = os.environ.get("GONG_LOADER", "target-postgres")
RETRY_AFTER = timedelta(seconds=float(os.environ.get("GONG_RETRY_SECONDS", "60")))
# After exit code 3: the budget of the day is used up, or Gong asked to wait long.
CONTINUE_AFTER = timedelta(seconds=float(os.environ.get("GONG_CONTINUE_SECONDS", "3600")))

WORK_LEFT = 3
# The streams whose range of time may begin and end at any instant. All else, lists and statistics
# of whole days, is left to the ordinary run.
SLICED = (
    "calls",
    "call_parties",
    "call_context_objects",
    "call_trackers",
    "call_tracker_occurrences",
    "call_topics",
    "call_structure",
    "call_key_points",
    "call_outline",
    "call_highlights",
    "call_speakers",
    "call_comments",
    "call_interaction_stats",
    "call_videos",
    "call_user_access",
    "transcripts",
    "transcript_sentences",
    "transcript_texts",
    "answered_scorecards",
    "answered_scorecard_answers",
    "logs",
)


def environment(company: str) -> dict[str, str]:
    """What Meltano is to know of a company, its secrets included, as environment variables.

    Raises:
        AirflowNotFoundException: a connection is missing.
    """
    gong = Connection.get(f"gong_{company}")
    state = Connection.get("gong_state")
    warehouse = Connection.get("gong_warehouse")
    quota = Connection.get("gong_quota")
    settings = {
        **{name.upper(): value for name, value in gong.extra_dejson.items()},
        "API_URL": gong.host,
        "ACCESS_KEY": gong.login,
        "ACCESS_KEY_SECRET": gong.password,
        "RATE_LIMIT_STORE": quota.get_uri(),
    }
    loader = {
        "HOST": warehouse.host,
        "PORT": warehouse.port or 5432,
        "USER": warehouse.login,
        "PASSWORD": warehouse.password,
        "DATABASE": warehouse.schema,
        "DEFAULT_TARGET_SCHEMA": f"gong_{company}",
    }
    # Meltano names the driver, Airflow does not.
    database = re.sub(r"^postgres(ql)?:", "postgresql+psycopg:", state.get_uri())
    return {
        **os.environ,
        "MELTANO_DATABASE_URI": database,
        "MELTANO_CLI_LOG_FORMAT": "json",
        # The plugins are there; tasks must not install them side by side.
        "MELTANO_AUTO_INSTALL": "false",
        **_prefixed("TAP_GONG_", settings),
        **_prefixed(LOADER.upper().replace("-", "_") + "_", loader),
    }


def _prefixed(prefix: str, settings: Mapping[str, Any]) -> dict[str, str]:
    return {
        prefix + name: value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
        if value is not None
    }


class MeltanoFailed(RuntimeError):
    """Meltano ended with an error.

    Attributes:
        exit_codes: of the plugins that failed, by their kind: `extractors`, `loaders`.
    """

    def __init__(self, exit_code: int, exit_codes: Mapping[str, int], said: str) -> None:
        codes = ", ".join(f"{kind} {code}" for kind, code in exit_codes.items())
        super().__init__(f"meltano ended with {exit_code} ({codes or 'no plugin failed'}): {said}")
        self.exit_codes = dict(exit_codes)


def meltano(*arguments: str, env: Mapping[str, str]) -> str:
    """Run Meltano, with its log in the task's.

    Returns:
        What it printed.

    Raises:
        MeltanoFailed: it ended with another exit code than 0.
    """
    command = [MELTANO, "--environment", ENVIRONMENT, *arguments]
    with _own_system_folder() as folder, tempfile.TemporaryFile("w+") as printed:
        exit_codes: dict[str, int] = {}
        # The last line of each plugin, and of Meltano itself.
        last: dict[str, str] = {}
        with subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**env, "MELTANO_SYS_DIR_ROOT": str(folder)},
            stdout=printed,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                for line in process.stderr or ():
                    entry = _entry(line)
                    exit_codes.update(entry.get("exit_codes") or {})
                    text = str(entry.get("event", line)).strip()
                    logger.info("%s", text)
                    last[entry.get("string_id", "meltano")] = text
            except BaseException:
                # Airflow stops the task: the tap ends with what it has read on its way.
                process.terminate()
                raise
        if process.returncode:
            plugins = {"extractors": "tap-gong", "loaders": LOADER}
            failed = [plugins.get(kind, kind) for kind in exit_codes] or ["meltano"]
            said = "; ".join(f"{name}: {last.get(name, 'no word')}" for name in failed)
            raise MeltanoFailed(process.returncode, exit_codes, said)
        printed.seek(0)
        return printed.read()


@contextlib.contextmanager
def _own_system_folder() -> Iterator[Path]:
    """A stand-in for the project's `.meltano` with the plugins that are installed there.

    Runs of one plugin put their catalog and state into files of the same name, so that two at the
    same time would read each other's.
    """
    with tempfile.TemporaryDirectory(prefix="meltano-") as name:
        folder = Path(name)
        for kind in ("extractors", "loaders"):
            (folder / kind).symlink_to(Path(PROJECT, ".meltano", kind))
        yield folder


def _entry(line: str) -> dict[str, Any]:
    """A line of Meltano's log; what plugins print before they log is no JSON."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return entry if isinstance(entry, dict) else {}


def state_id(suffix: str) -> str:
    """Under which name Meltano keeps the state of the runs with a suffix."""
    return f"{ENVIRONMENT}:tap-gong-to-{LOADER}:{suffix}"


def sync(company: str, part: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read a slice, or what is new; a retry goes on where the last try ended.

    Args:
        company: whose.
        part: `start_date` and `end_date` of the slice, and `name`, which its state is kept under.

    Returns:
        The completeness report.

    Raises:
        AirflowRescheduleException: exit code 3, there is work left.
        MeltanoFailed: anything else went wrong.
    """
    env = environment(company)
    if part is not None:
        env |= {
            "TAP_GONG_START_DATE": part["start_date"],
            "TAP_GONG_END_DATE": part["end_date"],
            "TAP_GONG__SELECT_FILTER": json.dumps(SLICED),
        }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.json")
        env["TAP_GONG_REPORT"] = str(path)
        # Airflow sees to it that a slice is read once at a time. Without --force Meltano would
        # wait five minutes for a run whose machine has died.
        suffix = part["name"] if part else company
        command = ("run", "--force", "--state-id-suffix", suffix)
        try:
            meltano(*command, "tap-gong", LOADER, env=env)
        except MeltanoFailed as failed:
            # The next try goes on where this one ended, and tells of the rest alone.
            tell_shortcomings(company, path)
            if failed.exit_codes == {"extractors": WORK_LEFT}:
                logger.info("There is work left; going on in %s", CONTINUE_AFTER)
                raise AirflowRescheduleException(
                    datetime.now(timezone.utc) + CONTINUE_AFTER
                ) from failed
            raise
        return tell_shortcomings(company, path)


def tell_shortcomings(company: str, path: Path) -> dict[str, Any]:
    """Tell what a run has left out.

    Args:
        company: whose.
        path: of the completeness report; a tap that ended before it began has written none.

    Returns:
        The report; empty where there is none.
    """
    if not path.exists():
        return {}
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for shortcoming in shortcomings(report):
        tell(f"gong_{company}: {shortcoming}")
    return report


def shortcomings(report: Mapping[str, Any]) -> list[str]:
    """What a completeness report says that a run has left out for good."""
    found = []
    for name, stream in report["streams"].items():
        # Gong counts what the key's owner may not see, so that it often announces some more.
        # Transcripts that are still to come are asked for by id, and mostly are not there yet.
        left_out = stream["announced"] - stream["seen"]
        is_short = report["end"] == "done" and left_out > max(5, 0.1 * stream["announced"])
        if is_short and not name.startswith("transcript"):
            found.append(f"{name}: {stream['announced']} announced, {stream['seen']} served")
        if stream["unkeyed"]:
            found.append(f"{name}: {stream['unkeyed']} left out for want of an id")
        if stream["unknown_fields"]:
            found.append(f"{name}: unknown fields {', '.join(stream['unknown_fields'])}")
    return found


def plan(company: str, slices: int) -> list[dict[str, str]]:
    """The slices of a company's history; none when it has a state, which says that it was read.

    A plan is kept until its slices are merged: where one of them failed for good, the next run of
    the DAG goes on with all of them where they ended.
    """
    context = get_current_context()
    env = environment(company)
    if not context["params"]["backfill"]:
        if _state(company, env):
            return []
        kept: list[dict[str, str]] = Variable.get(
            f"gong_plan_{company}", default=[], deserialize_json=True
        )
        if kept:
            return kept
    printed = meltano("invoke", "tap-gong", "--plan", "--slices", str(slices), env=env)
    parts = []
    for line in printed.splitlines():
        dates = {name: json.loads(line)[name] for name in ("start_date", "end_date")}
        # Of this run of the DAG: a backfill reads anew.
        name = ".".join((company, context["run_id"], *dates.values()))
        parts.append({**dates, "name": re.sub(r"[^\w.-]", "", name)})
    if not context["params"]["backfill"]:
        Variable.set(f"gong_plan_{company}", parts, serialize_json=True)
    return parts


def read(company: str, part: Mapping[str, str]) -> dict[str, Any]:
    """Read a slice.

    Returns:
        Its completeness report, and the state that it leaves.
    """
    report = sync(company, part)
    return {"report": report, "state": _state(part["name"], environment(company))}


def merge(company: str, slices: Iterable[Mapping[str, Any]]) -> None:
    """Make of the states of all slices the state of the company."""
    env = environment(company)
    states = [part["state"] for part in slices]
    if get_current_context()["params"]["backfill"]:
        # There may be one, of streams that no slice reads too.
        states.append(_state(company, env))
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder, f"{number}.json") for number in range(len(states))]
        for name, state in zip(names, states, strict=True):
            name.write_text(json.dumps(state), encoding="utf-8")
        merged = meltano("invoke", "tap-gong", "--merge-state", *map(str, names), env=env)
        whole = Path(folder, "whole.json")
        whole.write_text(json.dumps({"singer_state": json.loads(merged)}), encoding="utf-8")
        meltano("state", "set", "--force", state_id(company), "--input-file", str(whole), env=env)
    Variable.set(f"gong_plan_{company}", [], serialize_json=True)


def _state(suffix: str, env: Mapping[str, str]) -> dict[str, Any]:
    """The state that runs with a suffix have left; empty where there is none."""
    state: dict[str, Any] = json.loads(meltano("state", "get", state_id(suffix), env=env))
    return state


def tell(text: str) -> None:
    """Post to the webhook of the connection `gong_alerts`, in the form that chats take.

    What was read is read, whether anybody hears of it or not: a webhook that fails is logged.
    """
    logger.error("%s", text)
    try:
        webhook = Connection.get("gong_alerts")
    except AirflowNotFoundException:
        logger.warning("There is no connection gong_alerts: nobody was told")
        return
    try:
        answer = requests.post(str(webhook.host), json={"text": text}, timeout=30)
    except requests.RequestException as error:
        # Its text has the URL, which is as good as a password.
        logger.error("The webhook of gong_alerts could not be reached: %s", type(error).__name__)
        return
    if not answer.ok:
        logger.error("The webhook of gong_alerts answered %d: nobody was told", answer.status_code)


def on_failure(context: Mapping[str, Any]) -> None:
    """Tell of a task that has used up its tries."""
    instance = context["task_instance"]
    where = f"{instance.dag_id}.{instance.task_id}"
    if instance.map_index >= 0:
        where += f"[{instance.map_index}]"
    tell(f"{where}: {context.get('exception')}")


def company_dag(company: str, settings: Mapping[str, Any]) -> DAG:
    """The DAG of a company.

    Args:
        company: its name in Airflow and Meltano: letters, digits, underscores.
        settings: `slices` (how many parts its history is read in), `schedule`, `retries`, and
            `priority`: a higher one goes first where workers are few.
    """
    defaults = {
        "pool": f"gong_{company}",
        "priority_weight": settings.get("priority", 1),
        "weight_rule": "absolute",
        "retries": settings.get("retries", 5),
        "retry_delay": RETRY_AFTER,
        "on_failure_callback": on_failure,
    }
    dag = DAG(
        f"gong_{company}",
        schedule=settings.get("schedule", "@daily"),
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=1,
        default_args=defaults,
        params={"backfill": False},
        tags=["gong"],
        doc_md="`backfill` reads the history anew, though the company has a state.",
    )
    with dag:
        parts = task(task_id="plan")(plan)(company, settings.get("slices", 4))
        slices = task(task_id="read")(read).partial(company=company).expand(part=parts)
        merged = task(task_id="merge")(merge)(company, slices)
        # Skipped slices are no reason to skip this.
        run = task(task_id="run", trigger_rule="none_failed")(sync)(company)
        merged >> run
    return dag


def all_companies_dag(companies: Sequence[str]) -> DAG:
    """The DAG that starts those of all companies, mapped over them; on demand."""
    with DAG(
        "gong_all_companies",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        default_args={
            "retries": 5,
            "retry_delay": RETRY_AFTER,
            "on_failure_callback": on_failure,
        },
        tags=["gong"],
    ) as dag:
        TriggerDagRunOperator.partial(task_id="start").expand(
            trigger_dag_id=[f"gong_{company}" for company in companies]
        )
    return dag


_companies: dict[str, dict[str, Any]] = json.loads(COMPANIES.read_text(encoding="utf-8"))
for _company, _settings in _companies.items():
    globals()[f"gong_{_company}"] = company_dag(_company, _settings)
gong_all_companies = all_companies_dag(list(_companies))

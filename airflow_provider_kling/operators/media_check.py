# SPDX-License-Identifier: Apache-2.0
"""Operator that checks stored media files: duration, size, audio, black and frozen frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Unpack

from ..api.requests.coercion import parse_list, parse_mapping
from ..api.templating import is_templated
from ..exceptions import JobState, KlingRequestInvalid
from ..inputs.prepared_request import is_nothing
from ..results.output_path import storage_errors_for
from ..results.rejected_jobs import media_check_error, verdict_of
from ..version_compat import BaseOperator
from ._media_rules import NUMBERS, RULES, read_rules
from ._parameters import check_media_packages, invalid_parameter, read_choice
from ._templates import RenderingMixin

if TYPE_CHECKING:
    from ..media.rules import MediaRules
    from ..version_compat import Context, ObjectStoragePath, XComArg
    from ._base_operator_kwargs import BaseOperatorKwargs


class KlingMediaCheckOperator(RenderingMixin, BaseOperator):
    """Check stored media files, and return or fail on the verdict.

    Each file is copied to the worker, decoded completely and measured. Rules without a value have defaults:
    the duration of the request within 0.5 s, audible audio where the request asks for audio (avatars, lip
    sync, speech, ``sound="on"``), at most a quarter of black and half of frozen frames. Images must be
    decodable. The verdict is written into the manifest next to each file. Needs the extra ``media``; makes no
    job.

    :param result: result of a task with ``output_path``, such as ``video.output``, or a list of results.
    :param path: path of a file in any storage that Airflow supports, of a folder with results, or a list.
    :param duration: expected seconds of videos and audio; by default those of the request.
    :param duration_tolerance: seconds by which the duration may differ, 0.5 by default.
    :param min_width: minimum width in pixels.
    :param min_height: minimum height in pixels.
    :param min_fps: minimum frames per second of videos.
    :param codecs: allowed codecs, such as ``["h264", "hevc"]``.
    :param require_audio: whether there must be audible audio; by default where the request asks for it.
    :param max_silence: maximum share of silence, 0 to 1; 0.9 by default where audio is required.
    :param max_black: maximum share of black frames of videos, 0 to 1; 0.25 by default.
    :param max_frozen: maximum share of the duration in which nothing moves for at least 1.5 s, 0 to 1;
        0.5 by default.
    :param loudness: minimum and maximum of the integrated loudness in LUFS (BS.1770, within a few tenths).
    :param on_fail: ``fail`` fails the task if a file does not pass; ``return`` only returns the verdict.
    """

    template_fields: Sequence[str] = (
        *("result", "path", *NUMBERS, "codecs", "require_audio", "loudness", "on_fail"),
    )
    ui_color = "#d7f5e9"
    _read_by_name = ("result", "path")

    def __init__(
        self,
        *,
        result: Any = None,
        path: str | ObjectStoragePath | Sequence[str] | XComArg | None = None,
        duration: float | str | XComArg | None = None,
        duration_tolerance: float | str | XComArg | None = None,
        min_width: int | str | XComArg | None = None,
        min_height: int | str | XComArg | None = None,
        min_fps: float | str | XComArg | None = None,
        codecs: Sequence[str] | str | XComArg | None = None,
        require_audio: bool | str | XComArg | None = None,
        max_silence: float | str | XComArg | None = None,
        max_black: float | str | XComArg | None = None,
        max_frozen: float | str | XComArg | None = None,
        loudness: Sequence[float] | str | XComArg | None = None,
        on_fail: str | XComArg = "fail",
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None:
        super().__init__(**kwargs)
        check_media_packages(self.task_id, "KlingMediaCheckOperator")
        self.result = result
        self.path = path
        self.duration = duration
        self.duration_tolerance = duration_tolerance
        self.min_width = min_width
        self.min_height = min_height
        self.min_fps = min_fps
        self.codecs = codecs
        self.require_audio = require_audio
        self.max_silence = max_silence
        self.max_black = max_black
        self.max_frozen = max_frozen
        self.loudness = loudness
        self.on_fail = on_fail
        if (result is None) == (path is None):
            raise KlingRequestInvalid(
                f"Task {self.task_id!r}: give result or path, one of the two: what is to be checked.",
                job=JobState.NOT_CREATED,
            )
        self._read_rules(parsing=True)
        if not is_templated(on_fail):
            self._read_on_fail()

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the files.

        :param context: Airflow's context of the running task.
        :return: ``{"passed": bool, "files": [{"path", "passed", "failures", "measurements"}]}``.
        :raises KlingMediaCheckFailed: a file does not pass, and ``on_fail`` is ``fail``.
        :raises KlingRequestInvalid: a parameter is invalid, or a file is missing.
        :raises KlingServerError: the storage does not respond; a retry can help.
        """
        from ..results.media_check import check_files, extract_paths

        self.check_rendered()
        rules, on_fail = self._read_rules(), self._read_on_fail()
        value = self.path if self.result is None else self.result
        name = "path" if self.result is None else "result"
        if is_nothing(value):
            invalid_parameter(
                self.task_id,
                name,
                value,
                "a result or a path; it rendered to nothing, check the task that it names",
            )
        value = parse_list(parse_mapping(value))
        if not _is_readable(value):
            invalid_parameter(self.task_id, name, value, "a result, a path, or a list of them")
        with storage_errors_for("cannot be read", value if name == "path" else "result"):
            paths = extract_paths(value)
            if not paths:
                invalid_parameter(
                    self.task_id,
                    name,
                    _describe(value),
                    "the path of a stored file; give the job an output_path",
                )
            checked = check_files(paths, rules)
        passed = not any(file.failures for file in checked)
        verdict = {"passed": passed, "files": [file.to_json() for file in checked]}
        for file in checked:
            if file.failures:
                self.log.warning("%s does not pass: %s", file.path, "; ".join(file.failures))
        self.log.info("Checked %d files: %d pass", len(checked), sum(not file.failures for file in checked))
        if not passed and on_fail == "fail":
            if self.do_xcom_push:
                # Airflow stores no return value of a failed task, and what reacts needs the measurements.
                from ..submission.idempotency import push_xcom

                push_xcom(context, "return_value", verdict)
            raise media_check_error(
                verdict_of(checked),
                next_steps="Clear the task that made the job, or change its request, to pay for another one.",
            )
        return verdict

    def _read_on_fail(self) -> str:
        return read_choice(self.task_id, "on_fail", self.on_fail, ("fail", "return"))

    def _read_rules(self, *, parsing: bool = False) -> MediaRules:
        """Read the rules; while the DAG is parsed, templates are left out."""
        values = {name: getattr(self, name) for name in RULES}
        return read_rules(self.task_id, values, parsing=parsing)


def _is_readable(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_readable, value))
    return isinstance(value, str | Mapping | PathLike) or hasattr(value, "storage_options")


def _describe(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"result of job {value.get('task_id')}"
    return value if isinstance(value, str) else type(value).__name__

"""Flags of a file in flagd's format, read anew when it has changed.

flagd's own provider does the same, and brings gRPC along for flags that come over the network:
15 MB in each process that never uses it. Flags are evaluated by flagd's own core here too.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode, ParseError, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider
from openfeature.provider.metadata import Metadata

Objects = Sequence[FlagValueType] | Mapping[str, FlagValueType]
Context = EvaluationContext | None
_Seen = tuple[int, int, int]


class FlagFileProvider(AbstractProvider):
    """An OpenFeature provider that follows a file.

    A file that cannot be read leaves the flags as they were; that is told once, and so is that it
    can be read again.

    Args:
        path: of the file, JSON.
        poll_seconds: between two looks at whether it has changed.
    """

    def __init__(self, path: Path, poll_seconds: float) -> None:
        super().__init__()
        self._path = path
        self._poll_seconds = poll_seconds
        self._core = FlagdCore()
        self._seen: _Seen | None = None
        self._failed = False
        self._ended = threading.Event()

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Read the file and begin to follow it.

        Raises:
            ProviderNotReadyError: it cannot be read yet; it is followed all the same.
        """
        threading.Thread(target=self._follow, name="flag-file", daemon=True).start()
        try:
            self._read(self._look())
        except (OSError, ValueError, ParseError) as error:
            self._failed = True
            raise ProviderNotReadyError(_why(error)) from error

    def shutdown(self) -> None:
        """Follow it no longer."""
        self._ended.set()

    def get_metadata(self) -> Metadata:
        """Its name."""
        return Metadata("flag file")

    def _follow(self) -> None:
        while not self._ended.wait(self._poll_seconds):
            try:
                if self._failed or self._look() != self._seen:
                    self._read(self._look())
            except Exception as error:  # whatever is in the file, the next one may be good
                self._fail(error)

    def _look(self) -> _Seen:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self, seen: _Seen) -> None:
        document = json.loads(self._path.read_text(encoding="utf-8"))
        changed = self._core.set_flags_and_get_changed_keys(document)
        self._seen = seen
        if self._failed:
            self._failed = False
            self.emit_provider_ready(ProviderEventDetails(message="the file can be read again"))
        self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=changed))

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            self.emit_provider_error(
                ProviderEventDetails(message=_why(error), error_code=ErrorCode.PARSE_ERROR)
            )

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: Context = None
    ) -> FlagResolutionDetails[bool]:
        """A switch."""
        return self._core.resolve_boolean_value(flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: Context = None
    ) -> FlagResolutionDetails[str]:
        """A word."""
        return self._core.resolve_string_value(flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: Context = None
    ) -> FlagResolutionDetails[int]:
        """A whole number."""
        return self._core.resolve_integer_value(flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: Context = None
    ) -> FlagResolutionDetails[float]:
        """A number."""
        return self._core.resolve_float_value(flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self, flag_key: str, default_value: Objects, evaluation_context: Context = None
    ) -> FlagResolutionDetails[Objects]:
        """A list or a mapping."""
        return self._core.resolve_object_value(flag_key, default_value, evaluation_context)


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

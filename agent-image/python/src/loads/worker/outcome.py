"""unittest's words turned into one outcome for each execution."""

import traceback
import unittest

from loads.record import StepOver

# From least to most telling: one execution is counted once, under the worst that was reported of it.
_ORDER = ("success", "skipped", "failures", "errors")


class Outcome:
    """A unittest result that counts into a step's record. One for each user, reused for each hit."""

    failfast = False
    buffer = False
    tb_locals = False
    shouldStop = False

    def __init__(self, record, killed):
        """`killed` is the exception class by which a user is ended from outside."""
        self._record = record
        self._cut = (StepOver, killed)
        self._outcome = "success"
        self.killed = False

    def startTest(self, test):
        self._outcome = "success"
        self._record.test("started")

    def stopTest(self, test):
        self._record.test(self._outcome)

    def _report(self, outcome):
        if self._outcome == "interrupted":
            return
        self._outcome = max(self._outcome, outcome, key=_ORDER.index)

    def addSuccess(self, test):
        pass

    def addSkip(self, test, reason):
        self._report("skipped")

    def addError(self, test, err):
        if not self._cut_by(err):
            self._report("errors")
            self._sample("testError", test, err)

    def addFailure(self, test, err):
        if not self._cut_by(err):
            self._report("failures")
            self._sample("testFailure", test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            failed = issubclass(err[0], test.failureException)
            (self.addFailure if failed else self.addError)(subtest, err)

    def addExpectedFailure(self, test, err):
        self._cut_by(err)

    def addUnexpectedSuccess(self, test):
        self._report("failures")
        kind = "other:UnexpectedSuccess"
        self._record.error(kind, "testFailure", name_of(test), "passed, but is marked as an expected failure")

    def addDuration(self, test, elapsed):
        pass

    def not_run(self, case, method, err):
        """An execution that could not begin, as setUpClass or the class' own creation raised `err`."""
        self.startTest(None)
        if issubclass(err[0], unittest.SkipTest):
            self._report("skipped")
        else:
            self._report("errors")
            self._sample("testError", f"{method} ({case.__module__}.{case.__qualname__})", err)
        self.stopTest(None)

    def _cut_by(self, err):
        """Whether the execution was cut by us, now or before: what tearDown then trips over is our doing."""
        if issubclass(err[0], self._cut):
            self.killed = self.killed or not issubclass(err[0], StepOver)
            if self._outcome in ("success", "skipped"):
                self._outcome = "interrupted"
            return True
        return self._outcome == "interrupted"

    def _sample(self, source, test, err):
        kind, value, trace = err
        text = "".join(traceback.format_exception(kind, value, _without_unittest(trace)))
        message = str(value) or kind.__name__
        self._record.error(f"other:{kind.__name__}", source, name_of(test), message, text)


def name_of(test):
    """"method (module.Class)", the same in every version of Python."""
    if isinstance(test, str):
        return test
    test = getattr(test, "test_case", test)
    kind = type(test)
    return f"{test._testMethodName} ({kind.__module__}.{kind.__qualname__})"


def _without_unittest(trace):
    while trace is not None and "__unittest" in trace.tb_frame.f_globals:
        trace = trace.tb_next
    return trace

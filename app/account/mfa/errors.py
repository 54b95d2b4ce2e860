"""Refusals of changes to second factors."""

from app.foundation.errors import BadRequest, Conflict


class FactorEnrolled(Conflict):
    """There is one already, or as many as there may be."""

    code, title = "factor_enrolled", "You have this factor already"


class NoSecondFactor(Conflict):
    """Recovery codes stand in for another factor, and there is none."""

    code, title = "no_second_factor", "Add another second factor first"


class EnrolmentRefused(BadRequest):
    """The answer to an enrolment is not right: one refusal for every reason."""

    code, title = "enrolment_refused", "That did not confirm the new factor"

"""Refusals about webhooks."""

from app.foundation.errors import Conflict, NotFound, Unprocessable


class WebhookNotFound(NotFound):
    """No endpoint has that id."""

    code, title = "webhook_not_found", "There is no such webhook"


class DeliveryNotFound(NotFound):
    """This endpoint has no delivery of that id, or its time in the log is over."""

    code, title = "webhook_delivery_not_found", "There is no such delivery"


class InvalidWebhook(Unprocessable):
    """A part of the endpoint breaks a rule. Each fault names its part and what is right."""

    code, title = "invalid_webhook", "The webhook is not right"


class TooManyWebhooks(Conflict):
    """There are as many endpoints as `WEBHOOKS__MAX_ENDPOINTS` allows."""

    code, title = "too_many_webhooks", "There are too many webhooks"


class DeliveryUnderWay(Conflict):
    """The delivery has not ended yet: it will be sent anyway."""

    code, title = "webhook_delivery_under_way", "This delivery is still under way"

"""How each service says no in its own way; test_type_faults.py plays it.

A type has `denied`, `expired` and `limited`: an answer, the class of the error that
it is, words that a person must read in it, or its code.  `soon` are the headers by
which the service says that a second's wait is enough; None where it never does.
`lost`: entity -> how many of its rows come where the last of several partitions is
broken: it is left out and that is said, where others have an error.
`broken` is a fault of the server where that is no 500, `ended` the word of a token
that is over where it is not `expired`.  A type that is missing
here fails the test.
"""


def answer(status, body, **headers):
    return {"status": status, "body": body,
            "headers": {k.replace("_", "-"): v for k, v in headers.items()}}


def said(response, cls, *words, code=None):
    return {"response": response, "class": cls, "words": words, "code": code}


RETRY = {"retry-after": "1"}

ATLASSIAN = {
    "denied": said(answer(401, {"message": "Client must be authenticated"}),
                   "config", "does not accept the account and token"),
    "expired": said(answer(401, {"message": "Unauthorized"}), "config",
                    "does not accept"),
    "limited": said(answer(429, {"errorMessages": ["Rate limit exceeded"]}),
                    "transient", code="rate_limit"),
    "soon": RETRY,
}

FAULTS = {
    "github": {
        "denied": said(answer(401, {"message": "Bad credentials"}), "config",
                       "does not accept the token"),
        "expired": said(answer(401, {"message": "Bad credentials"}), "config",
                        "make a new one"),
        "limited": said(answer(403, {"message": "API rate limit exceeded"},
                               x_ratelimit_remaining="0",
                               x_ratelimit_limit="5000",
                               x_ratelimit_reset="{+3600}"),
                        "transient", code="rate_limit"),
        "soon": {"retry-after": "1", "x-ratelimit-remaining": None,
                 "x-ratelimit-reset": None},
    },
    "gitlab": {
        "denied": said(answer(401, {"message": "401 Unauthorized"}), "config",
                       "does not accept the token"),
        "expired": said(answer(401, {
            "error": "invalid_token", "error_description":
                "Token is expired. You can either do re-authorization or "
                "token refresh."}), "config", "expired"),
        "limited": said(answer(429, "Retry later\n"), "transient",
                        code="rate_limit"),
        "soon": RETRY,
    },
    "bitbucket": {
        "denied": said(answer(401, {"type": "error", "error": {
            "message": "Invalid credentials"}}), "config",
            "does not accept the credentials"),
        "expired": said(answer(401, {"type": "error", "error": {
            "message": "Access token expired."}}), "config",
            "does not accept"),
        "limited": said(answer(429, "Rate limit for this resource has been "
                               "exceeded"), "transient", code="rate_limit"),
        "soon": RETRY,
    },
    "jira": ATLASSIAN,
    "confluence": ATLASSIAN,
    "datadog": {
        "denied": said(answer(403, {"errors": ["Forbidden"]}), "config",
                       "app_key"),
        "expired": said(answer(401, {"errors": ["Unauthorized"]}), "config",
                        "api_key"),
        "limited": said(answer(429, {"errors": ["Too many requests"]},
                               x_ratelimit_limit="100",
                               x_ratelimit_period="60",
                               x_ratelimit_remaining="0",
                               x_ratelimit_reset="3600"),
                        "transient", code="rate_limit"),
        "soon": {"x-ratelimit-reset": "1", "x-ratelimit-remaining": "0",
                 "x-ratelimit-limit": "100"},
    },
    "newrelic": {
        "denied": said(answer(200, {"errors": [{
            "message": "Invalid credentials: authentication required",
            "extensions": {"errorClass": "UNAUTHENTICATED"}}]}), "config",
            "user key"),
        "expired": said(answer(401, {"error": "Unauthorized"}), "config",
                        "user key"),
        "limited": said(answer(200, {"data": {"actor": None}, "errors": [{
            "message": "Too many requests", "extensions": {
                "errorClass": "TOO_MANY_REQUESTS"}}]}), "transient",
            code="rate_limit"),
        "soon": RETRY,
    },
    "grafana": {
        "denied": said(answer(401, {"message": "Invalid API key"}), "config",
                       "does not accept these credentials"),
        "expired": said(answer(401, {"message": "Expired API key"}), "config",
                        "does not accept"),
        "limited": said(answer(429, {"message": "rate limited"}), "transient",
                        code="rate_limit"),
        "soon": RETRY,
    },
    "dynatrace": {
        "denied": said(answer(401, {"error": {"code": 401, "message":
                                              "Missing authorization"}}),
                       "config", "api_token"),
        "expired": said(answer(401, {"error": {"code": 401, "message":
                                               "Token expired"}}), "config",
                        "does not accept the token"),
        "limited": said(answer(429, {"error": {"code": 429, "message":
                                               "Too many requests"}},
                               x_ratelimit_remaining="0",
                               x_ratelimit_limit="50",
                               x_ratelimit_reset="{us+3600}"), "transient",
                        code="rate_limit"),
        # The reset itself is played by the type's fixtures: its time would have
        # passed here.
        "soon": {"retry-after": "1", "x-ratelimit-remaining": None,
                 "x-ratelimit-reset": None},
    },
    "pagerduty": {
        "denied": said(answer(401, {"error": {"message":
                                              "Invalid credentials"}}),
                       "config", "does not accept the key"),
        "expired": said(answer(401, "Access Denied"), "config",
                        "does not accept the key"),
        "limited": said(answer(429, {"error": {
            "message": "Rate Limit Exceeded", "code": 2020}},
            ratelimit_limit="960", ratelimit_remaining="0",
            ratelimit_reset="3600"), "transient", code="rate_limit"),
        "soon": {"ratelimit-reset": "1", "ratelimit-remaining": "0",
                 "ratelimit-limit": "960"},
    },
    "opsgenie": {
        "denied": said(answer(401, {"message": "Could not authenticate"}),
                       "config", "not accepted"),
        "expired": said(answer(401, {"message": "Key format is not valid!"}),
                        "config", "not accepted"),
        "limited": said(answer(429, {"message": "You are making too many "
                                     "requests!"}), "transient",
                        code="rate_limit"),
        "soon": RETRY,
    },
    "statuspage": {
        "denied": said(answer(401, {"error": "Could not authenticate"}),
                       "config", "does not accept the API key"),
        "expired": said(answer(401, {"error": "Could not authenticate"}),
                        "config", "make a new one"),
        "limited": said(answer(420, {"error": "Rate limit exceeded"}),
                        "transient", code="rate_limit"),
        "soon": RETRY,
    },
    "slack": {
        "denied": said(answer(200, {"ok": False, "error": "invalid_auth"}),
                       "config", "not accepted"),
        "expired": said(answer(200, {"ok": False, "error": "token_expired"}),
                        "config", "run out"),
        "limited": said(answer(200, {"ok": False, "error": "ratelimited"}),
                        "transient", code="rate_limit"),
        "soon": RETRY,
        "broken": answer(200, {"ok": False, "error": "fatal_error"}),
    },
    "prometheus": {
        "denied": said(answer(401, "Unauthorized"), "config", "401"),
        "expired": said(answer(403, "Forbidden"), "config", "403"),
        "limited": said(answer(429, "too many requests"), "transient",
                        "429"),
        "soon": RETRY,
    },
    "scaleway": {
        "denied": said(answer(401, {"type": "denied_authentication"}),
                       "config", "secret_key"),
        "expired": said(answer(401, {"type": "denied_authentication",
                                     "reason": "expired"}), "config",
                        "secret_key"),
        "limited": said(answer(429, {"type": "too_many_requests"}),
                        "transient", code="rate_limit"),
        "soon": RETRY,
    },
    "gcp": {
        "denied": said(answer(403, {"error": {
            "code": 403, "message": "The caller does not have permission",
            "status": "PERMISSION_DENIED"}}), "config", "lacks a role"),
        "expired": said(answer(401, {"error": {
            "code": 401, "message": "Request had invalid authentication "
            "credentials.", "status": "UNAUTHENTICATED"}}), "config",
            "check credentials and scope"),
        "limited": said(answer(429, {"error": {
            "code": 429, "message": "Quota exceeded for quota metric",
            "status": "RESOURCE_EXHAUSTED"}}), "transient",
            code="rate_limit"),
        "soon": RETRY,
    },
    "azure": {
        "denied": said(answer(403, {"error": {
            "code": "AuthorizationFailed", "message": "The client does not "
            "have authorization to perform action"}}), "config",
            "role assignments"),
        "expired": said(answer(401, {"error": {
            "code": "ExpiredAuthenticationToken", "message":
                "The access token expiry UTC time is earlier than now."}}),
            "config", "client_secret"),
        "limited": said(answer(429, {"error": {
            "code": "OperationNotAllowed", "message": "The server rejected "
            "the request because too many requests have been received"}},
            x_ms_ratelimit_remaining_subscription_reads="0"), "transient",
            code="rate_limit"),
        "soon": RETRY,
    },
    "aws": {
        "denied": said(answer(403, """<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>AuthFailure</Code><Message>AWS was not able to
validate the provided access credentials</Message></Error></Errors></Response>
""", content_type="text/xml"), "config", "secret_key"),
        "expired": said(answer(403, """<ErrorResponse><Error><Code>ExpiredToken
</Code><Message>The security token included in the request is expired</Message>
</Error></ErrorResponse>""", content_type="text/xml"), "config",
                        "the session has ended"),
        "limited": said(answer(503, """<Response><Errors><Error><Code>
RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error>
</Errors></Response>""", content_type="text/xml"), "transient",
                        code="rate_limit"),
        # A bucket's or a region's trouble is not that of the others.
        "lost": {"s3_objects": 1},
        "soon": None,
    },
    "ovh": {
        "denied": said(answer(400, {"errorCode": "INVALID_SIGNATURE",
                                    "message": "Invalid signature"}), "config",
                       "application_secret"),
        "expired": said(answer(403, {"errorCode": "NOT_CREDENTIAL", "message":
                                     "This credential does not exist"}),
                        "config", "its validity is over"),
        # Of OAuth, whose tokens end by themselves.
        "ended": answer(401, {"message": "Token expired"}),
        "limited": said(answer(429, {"message": "Too many requests"}),
                        "transient", code="rate_limit"),
        "soon": RETRY,
    },
    "salesforce": {
        "denied": said(answer(403, [{"errorCode": "API_DISABLED_FOR_ORG",
                                     "message": "no API here"}]), "config",
                       "API Enabled"),
        "expired": said(answer(401, [{"errorCode": "INVALID_SESSION_ID",
                                      "message": "Session expired or invalid"}
                                     ]), "config", "sign in anew"),
        "limited": said(answer(403, [{
            "errorCode": "REQUEST_LIMIT_EXCEEDED", "message":
                "TotalRequests Limit exceeded."}]), "transient",
            code="rate_limit"),
        "soon": RETRY,
    },
    "splunk": {
        "denied": said(answer(403, {"messages": [{
            "type": "WARN", "text": "insufficient permission"}]}), "config",
            "capability"),
        "expired": said(answer(401, {"messages": [{
            "type": "WARN", "text": "call not properly authenticated"}]}),
            "config", "does not accept these credentials"),
        "limited": said(answer(503, {"messages": [{
            "type": "FATAL", "text": "Search not executed: The maximum number "
            "of concurrent historical searches has been reached."}]}),
            "transient", code="rate_limit"),
        "soon": RETRY,
    },
    "teams": {
        "denied": said(answer(403, {"error": {
            "code": "Forbidden", "message": "Missing role permissions on the "
            "request. API requires one of 'Channel.ReadBasic.All'"}}),
            "config", "lacks a permission"),
        "expired": said(answer(401, {"error": {
            "code": "InvalidAuthenticationToken", "message":
                "Lifetime validation failed, the token is expired."}}),
            "config", "does not accept the token"),
        "limited": said(answer(429, {"error": {
            "code": "TooManyRequests", "message": "Please retry again later."
        }}), "transient", code="rate_limit"),
        "soon": RETRY,
    },
    "zendesk": {
        "denied": said(answer(401, {"error": "Couldn't authenticate you"}),
                       "config", "does not accept"),
        "expired": said(answer(401, {"error": "invalid_token"}), "config",
                        "does not accept"),
        "limited": said(answer(429, {"error": "APIRateLimitExceeded"}),
                        "transient", code="rate_limit"),
        "soon": RETRY,
    },
    "hubspot": {
        "denied": said(answer(401, {"category": "INVALID_AUTHENTICATION"}),
                       "config", "does not accept the token"),
        "expired": said(answer(401, {"category": "EXPIRED_AUTHENTICATION"}),
                        "config", "run out"),
        "limited": said(answer(429, {"status": "error", "errorType":
                                     "RATE_LIMIT", "policyName": "DAILY"}),
                        "transient", code="rate_limit"),
        "soon": None,
    },
}

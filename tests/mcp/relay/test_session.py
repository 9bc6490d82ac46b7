"""The gateway's questions to a client, over more than one session."""

from mcp_server.relay.session import RelayedQuestions, RelayedSession
from tests.mcp.relay.support import request

OLD, NEW = RelayedSession("a", "2025-11-25"), RelayedSession("b", "2025-11-25")
ASK = request(1, "elicitation/create", message="Buy it?")
YES = {"jsonrpc": "2.0", "result": {"action": "accept"}}


def test_an_answer_goes_back_under_the_gateways_own_id() -> None:
    questions = RelayedQuestions()
    asked = questions.renamed(ASK, OLD)

    assert questions.answered({**YES, "id": asked["id"]}, OLD) == {**YES, "id": 1}
    assert questions.answered({**YES, "id": asked["id"]}, OLD) is None


def test_a_yes_to_an_old_question_is_none_to_a_new_one() -> None:
    questions = RelayedQuestions()
    old, new = questions.renamed(ASK, OLD), questions.renamed(ASK, NEW)

    assert old["id"] != new["id"]
    assert questions.answered({**YES, "id": old["id"]}, NEW) is None
    assert questions.answered({**YES, "id": 1}, NEW) is None
    assert questions.answered({**YES, "id": new["id"]}, NEW) == {**YES, "id": 1}


def test_a_question_is_withdrawn_under_the_id_the_client_knows() -> None:
    questions = RelayedQuestions()
    asked = questions.renamed(ASK, OLD)
    notice = {"method": "notifications/cancelled", "params": {"requestId": 1, "reason": "late"}}

    assert questions.withdrawn(notice, NEW) is None
    told = questions.withdrawn(notice, OLD)
    assert told is not None
    assert told["params"] == {"requestId": asked["id"], "reason": "late"}
    assert questions.withdrawn(notice, OLD) is None

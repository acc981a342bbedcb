# SPDX-License-Identifier: Apache-2.0
"""The words of refusals, of the vendor and of gateways, in English and Chinese: a table for each meaning."""

from __future__ import annotations

import re

# The patterns are texts, which ``re`` compiles with their first use: every DAG file imports this module, and
# only a refusal needs them.
_CONTENT_WORDS = (
    *("risk control", "content safety", "content security", "content policy", "content_policy"),
    *("platform strategy", "strategy of the platform", "platform's policy", "platform policy"),
    *(
        "sensitive",
        "moderation",
        "moderated",
        "inappropriate",
        "nsfw",
        "prohibited content",
        "community guidelines",
    ),
    *("violates our", "violates the", "safety check", "safety policy"),
    *("风控", "敏感", "违规", "违禁", "不合规", "内容安全", "安全策略", "平台策略", "平台政策"),
    *("审核未通过", "审核不通过", "未通过审核", "审核失败", "未通过安全"),
)
_CONTENT_CODE = r"""\bcode["']?\s*[:=]?\s*["']?130[01]\b"""
_NOT_CONTENT = ("case sensitive", "case-sensitive", "case_sensitive", "time-sensitive", "time sensitive")

_CREDIT_WORDS = (
    r"(insufficient|not enough|low)[ _](\w+[ _]){0,3}(quota|balance|credits?|funds?)\b"
    r"|\b(quota|balance|credits?|funds?)[ _](\w+[ _]){0,2}"
    r"(not[ _]enough|insufficient|low|exhausted|exceeded|used up|depleted|expired)\b"
    r"|\b(exceeded|exhausted|used up) (\w+ ){0,3}(quota|credits?|balance)\b"
    r"|\b(out of|no|run out of)[ _](more )?(credits?|funds?|balance|quota)\b"
    r"|\bquota_failed\b|\bpayment required\b|\bin arrears\b|\barrearage\b|\btop up\b|\brecharge\b"
    r"|\bresource pack (\w+ ){0,2}(is )?(empty|expired|used up|exhausted)\b"
    r"|(余额|额度|配额|积分|点数|资源包|算力)\w{0,8}(不足|不够|用完|用尽|耗尽|已尽|过期)|欠费|请充值|先充值"
)
_RATE_WORDS = (
    r"\brates?\b|\brate[ _-]?limit|\bper[ _-]?(second|minute|hour|day)\b|\b[rtq]p[mds]\b"
    r"|\btoo (many|fast|frequent)|concurren|parallel|频率|频繁|速率|限流|并发|每分钟|每秒|请求过多"
)
_SLOT_WORDS = r"concurren|parallel task|并发"
_NAME = r"external[ _-]?(task[ _-]?)?id|外部\s*任务|外部\s*id"
_TAKEN = (
    r"\b(already|duplicated?s?|exists|been used|in use|taken|conflicts?|repeated|occupied"
    r"|(not|must be|should be) unique)\b|重复|已存在|已被|已使用|被占用|冲突|唯一"
)
# What is missing of or for a task is not the task.
_THE_TASK = r"(?<!of )(?<!for )(?<!of this )(?<!for this )(?<!of the )(?<!for the )\btask[_ ](id[_ ])?(\S+ )?"
_NO_TASK = (
    rf"{_THE_TASK}(((is|was|does|do|did) )?not[_ ](found|exists?)|doesn't exist)\b|\bno such task\b"
    r"|任务[\w .:-]{0,60}(不存在|未找到)|(未找到|找不到)[\w ]{0,10}任务"
)
_MISSING = (
    r"\b(not|n't|cannot be|could not be) (found|exists?)\b|\bno such\b|\b(cannot|can't|could not) find\b"
    r"|\b(already|has been|was) deleted\b|不存在|未找到|找不到|已(被)?删除"
)
_RESOURCES = {
    "voice": r"(?<![/a-z-])voice([ _]?id)?(?![a-z])|音色|声音",
    "element": r"(?<![/a-z-])element([ _]?id)?(?![a-z])|主体|元素",
}


def refuses_content(message: str) -> bool:
    """Return whether the vendor's words say that content was refused.

    :param message: message of a refusal, or why a job failed.
    :return: ``True`` if it names content or safety as the reason.
    """
    text = _plain(message)
    for words in _NOT_CONTENT:
        text = text.replace(words, "")
    return any(words in text for words in _CONTENT_WORDS) or bool(re.search(_CONTENT_CODE, text))


def lacks_credit(message: str) -> bool:
    """Return whether words say that the account cannot pay, so that waiting does not help.

    :param message: message of a refusal.
    :return: ``False`` for a quota of requests in a time, or of parallel tasks.
    """
    text = _plain(message)
    return bool(re.search(_CREDIT_WORDS, text)) and not re.search(_RATE_WORDS, text)


def lacks_slots(message: str) -> bool:
    """Return whether words say that too many tasks run at once.

    :param message: message of a refusal.
    :return: ``True`` if it names parallel tasks.
    """
    return bool(re.search(_SLOT_WORDS, _plain(message)))


def refuses_duplicate(message: str) -> bool:
    """Return whether words say that a job of this external task id exists.

    :param message: message of a refusal.
    :return: ``True`` if it names the id, and that it is taken.
    """
    text = _plain(message)
    return bool(re.search(_NAME, text) and re.search(_TAKEN, text))


def finds_no_task(message: str) -> bool:
    """Return whether words say that there is no task of the id that was asked for.

    :param message: message of a refusal.
    :return: ``True`` if they say so of a task, not of a model or a path.
    """
    return bool(re.search(_NO_TASK, _plain(message)))


def finds_no_resource(message: str, noun: str, *, named: bool) -> bool:
    """Return whether words say that there is no voice or element of the id that was asked for.

    :param message: message of a refusal.
    :param noun: ``voice`` or ``element``.
    :param named: the words must name it: an answer that may not be the vendor's can speak of a path as well.
    :return: ``True`` if they say so.
    """
    text = _plain(message)
    return bool(re.search(_MISSING, text) and (not named or re.search(_RESOURCES[noun], text)))


def _plain(message: str) -> str:
    return " ".join(message.lower().split())

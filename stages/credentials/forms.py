"""Keys and tokens that are known by their form: a prefix, an alphabet and a length that one issuer uses.

The forms are those that the issuers document, or print in their consoles. Publishable keys, identifiers of
accounts and hashes are no secrets, and no forms of theirs are here.

Knows one value at a time. Does not know whether it is valid, or an example (``values``).
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Form(NamedTuple):
    """``signs``: every value has one of them, where it begins, or at most ``before`` characters later. The
    group ``value`` of the pattern, if it has one, is the secret in it."""

    rule: str
    signs: tuple[str, ...]
    pattern: str
    before: int = 0


_B62, _B64URL, _HEX = "[A-Za-z0-9]", "[A-Za-z0-9_-]", "[0-9a-f]"

#: By rule. A value ends where no letter and no digit follows.
FORMS = tuple(
    Form(rule, tuple(signs.split()), *rest)
    for rule, signs, *rest in (
        # clouds and hosts
        ("aws_access_key", "AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
        ("google_api_key", "AIza", rf"AIza{_B64URL}{{35}}"),
        ("google_client_secret", "GOCSPX-", rf"GOCSPX-{_B64URL}{{28}}"),
        ("google_access_token", "ya29.", rf"ya29\.{_B64URL}{{60,400}}"),
        ("azure_storage_key", "AccountKey=", r"AccountKey=(?P<value>[A-Za-z0-9+/]{86}==)"),
        ("alibaba_access_key", "LTAI", rf"LTAI{_B62}{{20}}"),
        ("tencent_secret_id", "AKID", rf"AKID{_B62}{{32}}"),
        ("yandex_api_key", "AQVN", rf"AQVN{_B64URL}{{35,38}}"),
        ("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", rf"do[opr]_v1_{_HEX}{{64}}"),
        ("azure_client_secret", "Q~", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}", 4),
        ("heroku_api_key", "HRKU-", rf"HRKU-AA{_B64URL}{{58}}"),
        ("flyio_token", "fo1_ fm2_", rf"f(?:o1_{_B64URL}{{43}}|m2_[A-Za-z0-9+/=]{{100,1000}})"),
        ("netlify_token", "nfp_", rf"nfp_{_B62}{{36}}"),
        ("supabase_token", "sbp_", rf"sbp_{_HEX}{{40}}"),
        ("planetscale_token", "pscale_", r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_.=-]{32,64}"),
        ("databricks_token", "dapi", rf"dapi{_HEX}{{32}}"),
        # code, packages and what builds them
        ("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", rf"gh[pousr]_{_B62}{{36,255}}"),
        ("github_token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
        (
            "gitlab_token",
            "glpat- glptt- gldt- glrt- glsoat- glft- glcbt- glimt- glagent- gloas-",
            rf"gl(?:pat|ptt|dt|rt|soat|ft|cbt|imt|agent|oas)-{_B64URL}{{20,64}}",
        ),
        ("bitbucket_password", "ATBB", rf"ATBB{_B62}{{32}}"),
        ("atlassian_token", "ATATT3", r"ATATT3[A-Za-z0-9_=-]{180,220}"),
        ("npm_token", "npm_", rf"npm_{_B62}{{36}}"),
        ("pypi_token", "pypi-AgEIcHlwaS5vcmc", rf"pypi-AgEIcHlwaS5vcmc{_B64URL}{{50,400}}"),
        ("rubygems_key", "rubygems_", rf"rubygems_{_HEX}{{48}}"),
        ("crates_token", "cio", rf"cio{_B62}{{32}}"),
        ("clojars_token", "CLOJARS_", r"CLOJARS_[A-Za-z0-9]{60}"),
        ("docker_token", "dckr_pat_ dckr_oat_", rf"dckr_[po]at_{_B64URL}{{27,32}}"),
        ("artifactory_key", "AKCp", rf"AKCp{_B62}{{69}}"),
        ("sonar_token", "sqp_ squ_ sqa_", rf"sq[pua]_{_HEX}{{40}}"),
        ("buildkite_token", "bkua_", rf"bkua_{_HEX}{{40}}"),
        ("circleci_token", "CCIPAT_ CCIPRJ_", rf"CCIP(?:AT|RJ)_{_B62}{{22}}_{_HEX}{{40}}"),
        ("pulumi_token", "pul-", rf"pul-{_HEX}{{40}}"),
        ("prefect_token", "pnu_", r"pnu_[a-z0-9]{36}"),
        ("postman_key", "PMAK-", rf"PMAK-{_HEX}{{24}}-{_HEX}{{34}}"),
        ("readme_key", "rdme_", r"rdme_[a-z0-9]{70}"),
        ("infracost_key", "ico-", rf"ico-{_B62}{{32}}"),
        # keepers of secrets
        ("vault_token", "hvs. hvb.", rf"hv[sb]\.{_B64URL}{{90,300}}"),
        (
            "doppler_token",
            "dp.pt. dp.st. dp.ct. dp.sa.",
            rf"dp\.(?:[pcs]t|sa)\.(?:[a-z0-9_-]{{2,35}}\.)?{_B62}{{40,44}}",
        ),
        ("1password_token", "ops_eyJ", r"ops_eyJ[A-Za-z0-9+/]{250,1000}={0,3}"),
        ("terraform_token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}", 14),
        ("age_key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
        # messages
        (
            "slack_token",
            "xoxa- xoxb- xoxc- xoxe- xoxo- xoxp- xoxr- xoxs-",
            r"xox[abceoprs]-[A-Za-z0-9-]{20,200}",
        ),
        ("slack_token", "xapp-", r"xapp-[0-9]-[A-Za-z0-9-]{20,200}"),
        (
            "slack_webhook",
            "https://hooks.slack.com/services/T",
            r"https://hooks\.slack\.com/services/T[A-Za-z0-9]{8,12}/B[A-Za-z0-9]{8,12}/[A-Za-z0-9]{24}",
        ),
        (
            "discord_webhook",
            "https://discord.com/api/webhooks/ https://discordapp.com/api/webhooks/",
            rf"https://discord(?:app)?\.com/api/webhooks/[0-9]{{17,20}}/{_B64URL}{{60,80}}",
        ),
        (
            "zapier_webhook",
            "https://hooks.zapier.com/hooks/catch/",
            r"https://hooks\.zapier\.com/hooks/catch/[0-9]{4,9}/[A-Za-z0-9]{6,8}",
        ),
        ("telegram_token", ":AA", rf"[0-9]{{8,10}}:AA{_B64URL}{{33}}", 10),
        ("mailchimp_key", "-us", rf"{_HEX}{{32}}-us[0-9]{{1,2}}", 32),
        ("twilio_key", "SK", rf"SK{_HEX}{{32}}"),
        ("sendgrid_key", "SG.", rf"SG\.{_B64URL}{{22}}\.{_B64URL}{{43}}"),
        ("mailgun_key", "key- key_", rf"key[-_](?:[A-Za-z]{{2,10}}_)?{_HEX}{{32}}"),
        ("sendinblue_key", "xkeysib-", rf"xkeysib-{_HEX}{{64}}-{_B62}{{16}}"),
        ("facebook_token", "EAAM EAAC", rf"EAA[MC]{_B62}{{100,300}}"),
        # money
        ("stripe_key", "sk_live_ sk_test_ rk_live_ rk_test_", rf"[sr]k_(?:live|test)_{_B62}{{16,250}}"),
        ("stripe_webhook_secret", "whsec_", rf"whsec_{_B62}{{32,64}}"),
        ("square_token", "sq0atp- sq0csp-", rf"sq0(?:atp-{_B64URL}{{22}}|csp-{_B64URL}{{43}})"),
        ("shopify_token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
        ("easypost_key", "EZAK EZTK", rf"EZ[AT]K{_B62}{{54}}"),
        ("duffel_token", "duffel_", r"duffel_(?:live|test)_[A-Za-z0-9_=-]{43}"),
        # models
        ("openai_key", "sk-", rf"sk-{_B62}{{20}}T3BlbkFJ{_B62}{{20}}|sk-{_B62}{{48}}"),
        ("openai_key", "sk-proj- sk-svcacct- sk-admin-", rf"sk-(?:proj|svcacct|admin)-{_B64URL}{{40,250}}"),
        ("anthropic_key", "sk-ant-", rf"sk-ant-[a-z]{{3,8}}[0-9]{{2}}-{_B64URL}{{40,250}}"),
        ("openrouter_key", "sk-or-v1-", rf"sk-or-v1-{_B64URL}{{40,250}}"),
        ("huggingface_token", "hf_", rf"hf_{_B62}{{34}}"),
        ("replicate_token", "r8_", rf"r8_{_B62}{{37}}"),
        ("perplexity_key", "pplx-", rf"pplx-{_B62}{{48}}"),
        ("groq_key", "gsk_", rf"gsk_{_B62}{{52}}"),
        ("xai_key", "xai-", rf"xai-{_B62}{{80}}"),
        ("nvidia_key", "nvapi-", rf"nvapi-{_B64URL}{{64}}"),
        ("langsmith_key", "lsv2_", rf"lsv2_(?:pt|sk)_{_HEX}{{32}}_{_HEX}{{10}}"),
        # what is watched, planned and drawn
        ("newrelic_key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
        ("grafana_token", "glsa_", rf"glsa_{_B62}{{32}}_[0-9A-Fa-f]{{8}}"),
        ("grafana_token", "glc_", r"glc_[A-Za-z0-9+/]{32,400}={0,2}"),
        ("sentry_token", "sntrys_ sntryu_", rf"sntry(?:s_eyJ[A-Za-z0-9+/=_]{{80,400}}|u_{_HEX}{{64}})"),
        ("dynatrace_token", "dt0c01.", r"dt0c01\.[A-Z2-7]{24}\.[A-Z2-7]{64}"),
        ("linear_key", "lin_api_", rf"lin_api_{_B62}{{40}}"),
        ("notion_token", "ntn_", rf"ntn_{_B62}{{46}}"),
        ("figma_token", "figd_", rf"figd_{_B64URL}{{40}}"),
        ("contentful_token", "CFPAT-", rf"CFPAT-{_B64URL}{{43}}"),
        ("typeform_token", "tfp_", r"tfp_[A-Za-z0-9_.=-]{59}"),
        ("mapbox_token", "sk.eyJ", rf"sk\.eyJ{_B64URL}{{20,200}}\.{_B64URL}{{20,24}}"),
        ("dropbox_token", "sl.", rf"sl\.(?:u\.)?{_B64URL}{{130,1400}}"),
        ("jwt", "eyJ", rf"(?P<jwt>eyJ{_B64URL}{{10,400}})\.eyJ{_B64URL}{{10,4000}}\.{_B64URL}{{20,1000}}"),
    )
)  # fmt: skip

#: Different characters in 32 of a key; a stand-in has one or two.
LEAST_CHARACTERS = 10

_BEGIN = re.compile(r"-----BEGIN ((?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?)-----")
_BODY = re.compile(r"[A-Za-z0-9+/=\s\\:,.()\"'`*#|;&_-]{64,20000}", re.A)
_KEY = re.compile(r"[A-Za-z0-9+/]{32}")


def key_blocks(text: str) -> list[tuple[int, int]]:
    """Private keys in PEM or OpenPGP armour, from BEGIN to END, where there is a key between them: as they
    stand, or as strings of a program, with ``\\n`` for line ends, or line by line in quotes."""
    spans: list[tuple[int, int]] = []
    if "PRIVATE KEY" not in text:
        return spans
    for begin in _BEGIN.finditer(text):
        end = f"-----END {begin[1]}-----"
        stop = text.find("-----", begin.end())  # each part between dashes is looked at once
        if (
            text.startswith(end, stop)
            and _BODY.fullmatch(text, begin.end(), stop)
            and any(len(set(run)) >= LEAST_CHARACTERS for run in _KEY.findall(text, begin.end(), stop))
        ):
            spans.append((begin.start(), stop + len(end)))
    return spans

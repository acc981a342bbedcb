# SPDX-License-Identifier: Apache-2.0
"""Starting, stopping, looking inside: as a context manager, as a fixture, as a command."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests

from airflow_provider_kling.emulator.__main__ import main
from airflow_provider_kling.emulator.options import Options
from airflow_provider_kling.emulator.pytest_plugin import kling_emulator
from airflow_provider_kling.emulator.server import Emulator, PortTaken
from tests.unit.emulator.conftest import IMAGE_TO_VIDEO, png

__all__ = ["kling_emulator"]  # the fixture of the plugin itself

COMMAND = [sys.executable, "-m", "airflow_provider_kling.emulator"]


class TestContextManager:
    def test_an_emulator_listens_on_a_free_port_and_stops(self):
        with Emulator() as one, Emulator() as two:
            assert one.url != two.url
            assert requests.get(one.url + "/_emulator", timeout=60).ok
            folder = one.folder
            assert folder.exists()
        with pytest.raises(requests.ConnectionError):
            requests.get(one.url, timeout=60)
        assert not folder.exists()

    def test_an_error_for_a_used_port_contains_the_port(self, kling):
        port = int(kling.emulator.url.rpartition(":")[2])
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 cannot be used"):
            Emulator(port=port).start()

    def test_only_loopback_hosts_are_allowed(self):
        with pytest.raises(ValueError, match="loopback"):
            Emulator(host="0.0.0.0")

    def test_an_emulator_can_listen_on_ipv6(self):
        with Emulator(Options(host="::1", port=0)) as emulator:
            assert emulator.url.startswith("http://[::1]:")
            assert requests.get(emulator.url + "/_emulator", timeout=60).ok

    @pytest.mark.parametrize(
        "settings",
        [{"speed": 0}, {"scale": -1}, {"slots": -1}, {"job_seconds": -1}, {"faults": {"nonsense": 1}}],
    )
    def test_invalid_settings_are_refused(self, settings):
        with pytest.raises(ValueError, match=next(iter(settings.get("faults", settings)))):
            Emulator(**settings)

    def test_an_unknown_setting_is_refused(self):
        with pytest.raises(TypeError, match="sped"):
            Emulator(sped=3)


class TestConnection:
    def test_the_connection_is_written_as_json(self, kling):
        assert json.loads(kling.emulator.connection_json()) == {
            "conn_type": "kling",
            "host": kling.emulator.url,
            "password": "emulator",
        }

    def test_airflow_parses_the_connection_uri(self, start, monkeypatch):
        from airflow.providers.common.compat.sdk import BaseHook

        emulator = start(api_key="k/e y:1").emulator
        monkeypatch.setenv("AIRFLOW_CONN_BY_URI", emulator.connection_uri())
        connection = BaseHook.get_connection("by_uri")
        assert connection.conn_type == "kling"
        assert connection.host == emulator.url
        assert connection.password == "k/e y:1"


class TestIntrospection:
    def test_the_summary_contains_the_counters(self, kling):
        kling.create(external_task_id="mine")
        kling.post(IMAGE_TO_VIDEO, {})
        kling.finish("mine")
        summary = requests.get(kling.emulator.url + "/_emulator", timeout=60).json()
        assert (summary["jobs_made"], summary["active"], summary["max_active"]) == (1, 0, 1)
        assert summary["charged_units"] == "3.0"
        assert {"method": "POST", "path": IMAGE_TO_VIDEO, "status": 400, "count": 1} in summary["requests"]
        assert {"method": "GET", "path": IMAGE_TO_VIDEO + "/{id}", "status": 200, "count": 1} in summary[
            "requests"
        ]
        assert summary["requests_total"] == 3
        assert kling.emulator.count("POST", IMAGE_TO_VIDEO) == 2

    def test_the_jobs_are_listed(self, kling):
        kling.create(external_task_id="mine", prompt="a cat")
        (job,) = requests.get(kling.emulator.url + "/_emulator/jobs", timeout=60).json()
        assert job["external_task_id"] == "mine"
        assert job["endpoint"] == "videos/image2video"
        assert job["status"] == "submitted"
        assert job["body"]["prompt"] == "a cat"
        assert re.fullmatch("[0-9a-f]{64}", job["body_sha256"])

    def test_base64_is_redacted(self, kling):
        kling.create(image=png(1500, 1200))
        image = kling.emulator.jobs[0].body["image"]
        assert re.fullmatch(r"<\d+ characters, sha256 [0-9a-f]{16}>", image)

    def test_settings_can_be_changed_over_http(self, kling):
        base = kling.emulator.url + "/_emulator"
        task_id = kling.create()
        requests.post(base + "/advance", json={"seconds": 60}, timeout=60)
        assert kling.task(task_id)["task_status"] == "succeed"
        on = requests.post(base + "/faults", json={"slots_taken": 1}, timeout=60).json()["on"]
        assert on == {"slots_taken": 1}
        assert kling.post(IMAGE_TO_VIDEO, {"model_name": "kling-v3", "image": png()}).json()["code"] == 1303
        assert requests.get(base + "/faults", timeout=60).json() == {"on": {}, "fired": {"slots_taken": 1}}
        requests.post(base + "/faults", json={"no_list": True}, timeout=60)
        assert requests.delete(base + "/faults", timeout=60).json() == {"on": {}, "fired": {}}
        assert requests.post(base + "/reset", timeout=60).json()["jobs_made"] == 0

    @pytest.mark.parametrize(
        ("path", "body", "word"),
        [("faults", {"nonsense": 1}, "nonsense"), ("advance", {"seconds": -1}, "forward")],
    )
    def test_invalid_settings_over_http_are_explained(self, kling, path, body, word):
        response = requests.post(f"{kling.emulator.url}/_emulator/{path}", json=body, timeout=60)
        assert response.status_code == 400
        assert word in response.json()["detail"]


class TestCommand:
    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)

    def test_the_command_prints_url_and_connection_and_stops_cleanly(self, tmp_path):
        arguments = ["--port", "0", "--speed", "50", "--fault", "slots_taken=1"]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        with subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            url = re.match(r"Kling emulator on (\S+)", line).group(1)
            assert f'export AIRFLOW_CONN_KLING_DEFAULT=\'{{"conn_type": "kling", "host": "{url}"' in line
            assert requests.get(url + "/_emulator/faults", timeout=60).json()["on"] == {"slots_taken": 1}
            assert list(tmp_path.iterdir())
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0
        assert list(tmp_path.iterdir()) == []

    def test_the_command_fails_on_a_used_port(self, kling):
        done = self._run("--port", kling.emulator.url.rpartition(":")[2])
        assert done.returncode == 1
        assert "cannot be used" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--fault", "nonsense=1"], "unknown fault 'nonsense'"),
            (["--fault", "slots_taken=x"], "slots_taken takes"),
            (["--speed", "0"], "speed must be more than 0"),
            (["--host", "0.0.0.0"], "loopback"),
        ],
    )
    def test_invalid_arguments_are_refused(self, arguments, words, monkeypatch, capsys):
        monkeypatch.setattr("sys.argv", ["kling-emulator", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert words in capsys.readouterr().err

    def test_the_command_names_the_missing_extra(self):
        code = (
            "import sys, runpy; sys.modules['uvicorn'] = None\n"
            "runpy.run_module('airflow_provider_kling.emulator', run_name='__main__')"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        assert "airflow-provider-kling[emulator]" in done.stderr
        assert "Traceback" not in done.stderr


class TestPlugin:
    def test_the_fixture_sets_the_airflow_connection(self, kling_emulator):
        fields = json.loads(os.environ["AIRFLOW_CONN_KLING_DEFAULT"])
        assert fields["host"] == kling_emulator.url
        assert kling_emulator.jobs == ()


def test_the_emulator_imports_only_the_api_of_the_provider():
    spec = find_spec("airflow_provider_kling.emulator")
    home = Path(spec.submodule_search_locations[0])
    files = list(home.rglob("*.py"))
    assert files
    used = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level:
                used.add(node.module)
            elif isinstance(node, ast.ImportFrom):
                above = node.level - len(file.relative_to(home).parts)
                if above > 1 or (above == 1 and not (node.module or "").startswith("api")):
                    pytest.fail(f"{file.name} imports from above its package: {ast.unparse(node)}")
            elif isinstance(node, ast.Import):
                used.update(alias.name for alias in node.names)
    own = {
        name for name in used if name.startswith(("airflow.", "airflow_provider_kling")) or name == "airflow"
    }
    allowed = ("airflow_provider_kling.api", "airflow_provider_kling.emulator")
    assert {name for name in own if not name.startswith(allowed)} == set()


class TestHttps:
    @pytest.fixture
    def certificate(self, tmp_path):
        from datetime import UTC, datetime, timedelta
        from ipaddress import ip_address

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "emulator")])
        now = datetime.now(UTC)
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        signed = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
            .add_extension(address, critical=False)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "emulator.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + signed.public_bytes(serialization.Encoding.PEM)
        )
        return str(path)

    def test_jobs_and_results_use_tls(self, start, certificate):
        kling = start(certificate=certificate)
        kling.session.verify = certificate
        assert kling.emulator.url.startswith("https://")
        url = kling.result(IMAGE_TO_VIDEO, duration="3")["videos"][0]["url"]
        assert url.startswith("https://")
        assert requests.get(url, verify=certificate, timeout=60).ok
        # The emulator itself reads from its own URL.
        score = kling.result("/v1/audio/video-to-audio", video_url=url)
        assert float(score["videos"][0]["duration"]) == pytest.approx(3, abs=0.1)

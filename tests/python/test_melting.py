"""Melting: what is measured of ramps and of crystal beside liquid, the fit, and a campaign of both in small."""

import subprocess
import sys

import numpy as np
import pytest

from running import PROGRAM, ROOT, environment

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import campaign, melting
from sinter_tools.trajectory import Unusable

MELTING = ROOT / "inputs/melting"


def test_the_jump_of_energies_is_found():
    random = np.random.default_rng(2)
    temperature = np.linspace(300, 1500, 400)
    energy = -3.5 + 3e-4 * (temperature - 300) + np.where(temperature > 1012, 0.09, 0) + random.normal(0, 0.004, 400)
    point, jump, width = melting.jump_of(temperature, energy)
    # A part is 20 K wide, and parabolas reach over 11.
    assert abs(point - 1012) < 25 and abs(jump - 0.09) < 0.02 and width < 120
    # Along a ramp down the same.
    assert melting.jump_of(temperature[::-1], energy[::-1])[0] == point
    assert np.isnan(melting.jump_of(temperature[:50], energy[:50])[0])


def test_a_jump_that_the_ramp_cuts_off_is_none():
    """What is heated too fast has not melted when the ramp ends."""
    temperature = np.linspace(300, 1500, 400)
    energy = 3e-4 * temperature + 2e-6 * np.clip(temperature - 1300, 0, None) ** 2
    for order in (1, -1):
        assert np.isnan(melting.jump_of(temperature[::order], energy[::order])).tolist() == [True, False, True]


def test_where_a_curve_passes_a_level_for_good():
    assert melting.passes([1, 2, 3, 4, 5], [0, 1, 0, 0.4, 0.8], 0.5) == 4.25
    assert melting.passes([1, 2], [0, 0.2], 0.5) is None


def test_lines_and_their_intervals():
    # Points of 1300 - 300/d with known scatter; interval by Student's t.
    x = np.array([0.2, 0.3, 0.4, 0.5])
    line = melting.Line(x, 1300 - 300 * x + np.array([2.0, -2, -2, 2]))
    assert line.slope == pytest.approx(-300) and line.at(0) == pytest.approx(1300)
    spread = ((x - 0.35) ** 2).sum()
    error = 4.302653 * np.sqrt(16 / 2) * np.sqrt(1 / 4 + 0.35**2 / spread)
    assert float(line.error_at(0)) == pytest.approx(error, rel=1e-6)
    rates = [{"temperature_k": t, "rate_ev_per_ps": (t - 1310) * 3e-5} for t in (1100, 1200, 1300, 1400)]
    point, half, _ = melting.bulk(rates)
    assert point == pytest.approx(1310) and half < 1e-6
    assert melting.bulk(rates[:3]) is None, "all of them freeze"


SMALL = f"""
figure = "melting"
[[part]]
input = "particle.toml"
[part.vary]
"particle.diameter_nm" = [1.0, 1.2]
[[part]]
input = "coexistence.toml"
after = "half_molten.toml"
[part.vary]
"stage.temperature_k" = [700, 1300, 2100]
"""


def test_a_campaign_of_particles_and_slabs_draws_their_melting_points(tmp_path):
    """Far too fast and too small for numbers, but hot crystals melt and cold liquids freeze."""
    changes = {
        "particle.toml": [("duration_ps = 60", "duration_ps = 6"), ("_interval_ps = 1\n", "_interval_ps = 0.2\n"), ("interval_ps = 0.1", "interval_ps = 0.02")],
        "half_molten.toml": [("[5, 5, 16]", "[3, 3, 8]"), ("= 29 }", "= 14 }"), ("= 4", "= 1")],
        "coexistence.toml": [("[5, 5, 16]", "[3, 3, 8]"), ("duration_ps = 3\n", "duration_ps = 0.4\n"), ("duration_ps = 20", "duration_ps = 2"), ("interval_ps = 0.1", "interval_ps = 0.02")],
    }
    for name, pairs in changes.items():
        text = (MELTING / name).read_text().replace("../potentials", str(ROOT / "inputs/potentials"))
        for old, new in pairs:
            assert old in text, (name, old)
            text = text.replace(old, new)
        (tmp_path / name).write_text(text)
    path = tmp_path / "small.campaign"
    path.write_text(SMALL)
    command = [sys.executable, "-m", "sinter_tools", "campaign", str(path), "--output", str(tmp_path / "out"), "--jobs", "2"]
    for again in (False, True):
        done = subprocess.run(
            [*command, "--program", str(PROGRAM)], cwd=ROOT / "tools", env=environment(), capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stdout + done.stderr
        # The second time nothing is run.
        assert ("K: " in done.stdout or " nm: " in done.stdout) != again, done.stdout
    results = list(campaign.Campaign(path, tmp_path / "out").results().values())
    particles, slabs = melting.split(results)
    assert [len(particles), len(slabs)] == [2, 3]
    for result in particles:
        assert 300 < result["heating"]["point_k"] < 1500 and result["heating"]["jump_ev"] > 0
        assert result["heating"]["liquid"][1][-1] > 0.8 > result["heating"]["liquid"][1][0]
    rates = {r["temperature_k"]: r["rate_ev_per_ps"] for r in slabs}
    assert rates[700] < 0 < rates[2100], rates
    rows = (tmp_path / "out/melting.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[:6]] == ["what", *["heating", "cooling"] * 2, "bulk"]
    assert (tmp_path / "out/melting.png").stat().st_size > 20_000
    # All slabs began with one frame, which was made once.
    assert (tmp_path / "out/half_molten/done").exists()


@pytest.mark.parametrize(
    ["text", "words"],
    [
        ('figure = "maps"\ninput = "a.toml"\n', "there is no figure `maps`, only map and melting"),
        ('figure = "melting"\n[[part]]\n[part.vary]\nseed = [1]\n', "`input` is missing"),
        ('figure = "melting"\n[[part]]\ninput = "a.toml"\nbefore = "b.toml"\n', "`before` is unknown in a part"),
        ('figure = "melting"\ninput = "a.toml"\n[[part]]\ninput = "a.toml"\n', "`input` stands beside"),
    ],
)
def test_campaigns_of_parts_that_are_wrong_are_told(tmp_path, text, words):
    (tmp_path / "a.toml").write_text("seed = 1\n")
    path = tmp_path / "wrong.campaign"
    path.write_text(text)
    with pytest.raises(Unusable, match=words.replace("[", r"\[")):
        campaign.Campaign(path)

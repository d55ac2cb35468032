"""The bot that docs/api.md shows, as it stands there."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.gateway.loopback import Venue, around, dial, limit, play

API = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_bot_of_the_documentation_trades(open_venue: Venue) -> None:
    async def story() -> None:
        other = await dial(open_venue, "everyone-2")
        price = await around(other, 0.96)
        await limit(other, "buy", 0.01, price)
        text = re.findall(r"```python\n(.*?)```", API.read_text(encoding="utf-8"), re.DOTALL)[0]
        key = open_venue.keys["everyone-1"]
        bot = text.replace("127.0.0.1:8899", f"127.0.0.1:{open_venue.port}")
        run = subprocess.run(
            [sys.executable, "-c", bot, key.client_id, key.secret], capture_output=True, text=True, timeout=30
        )
        assert run.returncode == 0, run.stderr
        told = json.loads(run.stdout.replace("'", '"').replace("True", "true").replace("False", "false"))
        assert (told["order"]["label"], told["order"]["price"]) == ("mine", price)
        assert len(text.strip().splitlines()) <= 30
        await other("private/cancel_all")
        await other.close()

    play(story())

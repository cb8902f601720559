"""What happens when everything goes wrong, and a seed decides in which order?

The whole daemon under simulated time on the embedded exchange: faults of venue, transport, journal, clock and owner,
kills at any instruction, and the invariant checker watching the exchange's truth. After the last fault the market calms
and the bot has some hours to be well again.

- ``scenario`` says what a seed is: policy, market, timeline.
- ``disturbances`` says what can happen, and does it.
- ``transport`` stands between bot and venue, and between bot and journal.
- ``life`` runs the processes, one after another, and what happens to them.
- ``owner`` does what an owner does who reads the alerts.
- ``judgement`` says whether the bot is well in the end.
- ``cells`` counts which fault met which state.
- ``shrink`` finds the shortest timeline that still fails.

``python -m tests.simulation.seeds`` runs seeds; ``--replay SEED`` tells the story of one.
"""

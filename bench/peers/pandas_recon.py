"""The careful pandas script that finance would write: typed columns, integer fen, the classes our engine gives.

`pandas_recon.py recon OURS BILL` prints counts by class as JSON; `workbook FILE` reads a settlement workbook and
prints its rows. Peak memory and seconds (without the start of Python) stand in the same line.
"""

from __future__ import annotations

import json
import resource
import sys
from time import perf_counter

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # lives in .venv-bench only, without stubs

PPM = 6000
OURS = {
    "kind": "string",
    "shop": "string",
    "order_no": "string",
    "amount": "int64",
    "at_us": "int64",
    "flag": "string",
}
BILL = {
    "kind": "string",
    "provider_no": "string",
    "order_no": "string",
    "refund_no": "string",
    "amount": "int64",
    "fee": "int64",
    "at_us": "int64",
    "line": "int64",
}
SHOWN = ["kind", "shop", "order_no", "provider_no", "amount_ours", "amount_bill", "fee", "stake", "line"]


def recon(ours_file: str, bill_file: str) -> dict[str, int]:
    """Repeated lines, a full outer join on the order number, amounts to the fen, the agreed fee; the list of
    differences with what people need to look into them, the largest first; and whether it all ties."""
    ours = pd.read_csv(ours_file, usecols=list(OURS), dtype=OURS)
    bill = pd.read_csv(bill_file, usecols=list(BILL), dtype=BILL)
    ours, bill = ours[ours["kind"] == "payment"], bill[bill["kind"] == "payment"]
    totals = int(ours["amount"].sum()), int(bill["amount"].sum())
    again = bill.duplicated(["provider_no", "order_no", "refund_no", "amount", "at_us"])
    repeated, bill = bill[again], bill[~again]
    due = (bill["amount"] * PPM + 500_000) // 1_000_000
    bill = bill.assign(fee_off=(bill["fee"] - due).abs() > 1, fee_gap=(bill["fee"] - due).abs())
    both = ours.merge(bill, on="order_no", how="outer", suffixes=("_ours", "_bill"), indicator="side")
    left, right = both["amount_ours"].fillna(0).astype("int64"), both["amount_bill"].fillna(0).astype("int64")
    off = both["fee_off"].fillna(False).astype(bool)
    kind = np.select([both["side"] != "both", left != right, off], ["missing", "amount", "fee"], "matched")
    stake = np.where(kind == "fee", both["fee_gap"].fillna(0), (left - right).abs())
    frame = both.assign(kind=kind, stake=stake)
    if (int(left.sum()), int(right.sum()) + int(repeated["amount"].sum())) != totals:
        raise SystemExit(f"does not tie: {totals}")
    twice = repeated.assign(kind="duplicate", stake=repeated["amount"], amount_bill=repeated["amount"])
    listed = pd.concat([frame[frame["kind"] != "matched"], twice])[SHOWN]
    listed = listed.sort_values(["stake", "order_no"], ascending=[False, True])
    counts = {str(name): int(count) for name, count in listed["kind"].value_counts().items()}
    return {**counts, "matched": int((kind == "matched").sum())}


def workbook(file: str) -> dict[str, int]:
    return {"rows": len(pd.read_excel(file, dtype=str))}


def main() -> None:
    began = perf_counter()
    found = recon(*sys.argv[2:]) if sys.argv[1] == "recon" else workbook(sys.argv[2])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": perf_counter() - began, "peak": peak, "found": found}))


if __name__ == "__main__":
    main()

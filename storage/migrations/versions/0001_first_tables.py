"""The first tables: orders, refunds, cards, audit, inbox, outbox."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PLAIN = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
    """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
)
_POSTGRES_TRIGGERS = (
    """CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$""",
    """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
)


def upgrade() -> None:
    _orders()
    _order_refs()
    _refunds()
    _sent_cards()
    _audit()
    _inbox()
    _outbox()
    _outbox_attempts()
    _marks()
    postgres = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRES_TRIGGERS if postgres else _SQLITE_TRIGGERS:
        op.execute(statement)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", _ID, nullable=False),
        sa.Column("shop_code", sa.Text(), nullable=False),
        sa.Column("platform_order_id", sa.Text(), nullable=False),
        _text("platform"),
        sa.Column("state", sa.Text(), nullable=False),
        _text("state_raw"),
        _number("version"),
        _number("revision"),
        sa.Column("currency", sa.Text(), nullable=False),
        _number("total"),
        _number("paid"),
        _number("freight"),
        _number("discount"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", sa.BigInteger(), nullable=True),
        sa.Column("shipped_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("modified_at", sa.BigInteger(), nullable=True),
        sa.Column("ship_deadline_at", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        _text("buyer_id"),
        _text("region"),
        _text("warehouse"),
        _text("province"),
        _text("city"),
        _text("district"),
        _text("town"),
        _text("oaid"),
        _text("name_mask"),
        sa.Column("name_cipher", sa.LargeBinary(), nullable=True),
        sa.Column("name_digest", sa.LargeBinary(), nullable=True),
        _text("phone_mask"),
        sa.Column("phone_cipher", sa.LargeBinary(), nullable=True),
        sa.Column("phone_digest", sa.LargeBinary(), nullable=True),
        sa.Column("phone_tail", sa.Text(), nullable=True),
        _text("address_mask"),
        sa.Column("address_cipher", sa.LargeBinary(), nullable=True),
        sa.Column("private_cipher", sa.LargeBinary(), nullable=True),
        sa.Column("items", sa.Text(), nullable=False),
        sa.Column("waybills", sa.Text(), nullable=False),
        sa.Column("refunds", sa.Text(), nullable=False),
        _number("refund_count"),
        sa.Column("timeline", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("platform_order_id", "shop_code", name="uq_orders_key"),
    )
    op.create_index("ix_orders_buyer", "orders", ["shop_code", "buyer_id", "created_at"])
    op.create_index("ix_orders_name", "orders", ["name_digest", "created_at"])
    op.create_index("ix_orders_phone", "orders", ["phone_tail", "phone_digest", "created_at"])


def _order_refs() -> None:
    op.create_table(
        "order_refs",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "kind", "value"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_order_refs_value", "order_refs", ["value", "kind", "order_id"])


def _refunds() -> None:
    op.create_table(
        "refunds",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_code", sa.Text(), nullable=False),
        sa.Column("platform_order_id", sa.Text(), nullable=False),
        _number("amount"),
        sa.Column("currency", sa.Text(), nullable=False),
        _text("reason"),
        _text("requester"),
        _text("requester_name"),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("money", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("decisions", sa.Text(), nullable=False),
        _text("platform_refund_id"),
        _text("waiting"),
        _text("outcome"),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("trace_id", _PLAIN, nullable=False),
        _number("revision"),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.id"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_refunds_order", "refunds", ["order_id"])
    op.create_index(
        "uq_refunds_shop_refund",
        "refunds",
        ["shop_code", "platform_refund_id"],
        unique=True,
        **_where("platform_refund_id <> ''"),
    )


def _sent_cards() -> None:
    op.create_table(
        "sent_cards",
        sa.Column("card_id", sa.Text(), nullable=False),
        _text("platform"),
        _text("app"),
        _text("user_id"),
        _text("chat_id"),
        _text("reply_url"),
        sa.Column("reply_until", sa.BigInteger(), nullable=True),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        _text("shown"),
        sa.Column("trace_id", _PLAIN, server_default="", nullable=False),
        _number("revision"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("card_id"),
    )
    op.create_index(
        "ix_sent_cards_live", "sent_cards", ["subject_type", "subject_id"], **_where("state = 'live'")
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        _text("actor"),
        _text("origin"),
        sa.Column("action", sa.Text(), nullable=False),
        _text("subject_type"),
        _text("subject_id"),
        sa.Column("trace_id", _PLAIN, server_default="", nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_subject", "audit", ["subject_type", "subject_id", "at"])
    op.create_index("ix_audit_trace", "audit", ["trace_id"])


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", _ID, nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("trace_id", _PLAIN, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        _number("attempts"),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        _text("outcome"),
        _text("detail"),
        _text("error"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("platform", "app", "key", name="uq_inbox_key"),
    )
    op.create_index("ix_inbox_dead", "inbox", ["id"], **_where("state = 'dead'"))
    op.create_index("ix_inbox_due", "inbox", ["due", "id"], **_where("due IS NOT NULL"))
    op.create_index("ix_inbox_trace", "inbox", ["trace_id"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("trace_id", _PLAIN, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        _number("attempts"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), server_default="{}", nullable=False),
        _text("error"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index("ix_outbox_dead", "outbox", ["id"], **_where("state = 'dead'"))
    op.create_index("ix_outbox_due", "outbox", ["due"], **_where("due IS NOT NULL"))
    op.create_index("ix_outbox_lane", "outbox", ["lane", "priority", "id"], **_where("due IS NOT NULL"))
    op.create_index(
        "ix_outbox_order", "outbox", ["priority", "id", "due", "lane"], **_where("due IS NOT NULL")
    )
    op.create_index("ix_outbox_trace", "outbox", ["trace_id"])


def _outbox_attempts() -> None:
    op.create_table(
        "outbox_attempts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("outbox_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        _text("error"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_outbox_attempts_outbox", "outbox_attempts", ["outbox_id"])


def _marks() -> None:
    op.create_table(
        "marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )

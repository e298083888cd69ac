"""The GraphQL documents we send. Every one is named: the platform's logs and our faults speak of names."""

from __future__ import annotations

_MONEY = "{ shopMoney { amount currencyCode } }"
# What one order brings along at once; an order that fills one of these is asked for the rest.
LINES = 10
MORE_LINES = 100
PARCELS = 3
REFUNDS = 3

_LINE = f"""
      id sku title variantTitle quantity currentQuantity
      variant {{ id }}
      originalUnitPriceSet {_MONEY}
      discountedTotalSet {_MONEY}"""
_CUSTOMER = """
    customer { id }
    shippingAddress { name phone address1 address2 city province country countryCodeV2 zip }"""


def _order(*, customer_data: bool) -> str:
    return f"""fragment WholeOrder on Order {{
    id name note createdAt updatedAt processedAt closedAt cancelledAt cancelReason
    displayFinancialStatus displayFulfillmentStatus
    totalPriceSet {_MONEY}
    totalReceivedSet {_MONEY}
    totalDiscountsSet {_MONEY}
    totalShippingPriceSet {_MONEY}{_CUSTOMER if customer_data else ""}
    lineItems(first: {LINES}) {{
      nodes {{{_LINE}
      }}
      pageInfo {{ hasNextPage endCursor }}
    }}
    transactions(first: 5) {{ id kind status processedAt }}
    fulfillments(first: {PARCELS}) {{
      id status displayStatus createdAt deliveredAt
      trackingInfo(first: 2) {{ company number }}
    }}
    refunds(first: {REFUNDS}) {{
      id note createdAt updatedAt
      totalRefundedSet {_MONEY}
      transactions(first: 2) {{ nodes {{ id kind status }} }}
    }}
}}"""


def orders_by_id(*, customer_data: bool) -> str:
    return f"""query OrdersById($ids: [ID!]!) {{
  nodes(ids: $ids) {{ ... on Order {{ ...WholeOrder }} }}
}}
{_order(customer_data=customer_data)}"""


ORDER_IDS = """query OrderIds($first: Int!, $after: String, $query: String!) {
  orders(first: $first, after: $after, sortKey: UPDATED_AT, query: $query) {
    nodes { id }
    pageInfo { hasNextPage endCursor }
  }
}"""

ORDER_COUNT = """query OrderCount($query: String!) {
  ordersCount(query: $query, limit: null) { count precision }
}"""

ORDER_LINES = f"""query OrderLines($id: ID!, $first: Int!, $after: String) {{
  order(id: $id) {{
    lineItems(first: $first, after: $after) {{
      nodes {{{_LINE}
      }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}"""

# As many as WholeOrder asks for came: there may be more, so all of them are read.
ORDER_REST = f"""query OrderRest($id: ID!) {{
  order(id: $id) {{
    fulfillments(first: 50) {{
      id status displayStatus createdAt deliveredAt
      trackingInfo(first: 2) {{ company number }}
    }}
    refunds(first: 50) {{
      id note createdAt updatedAt
      totalRefundedSet {_MONEY}
      transactions(first: 3) {{ nodes {{ id kind status }} }}
    }}
  }}
}}"""

REFUND_BY_ID = f"""query RefundById($id: ID!) {{
  refund(id: $id) {{
    id note createdAt updatedAt
    totalRefundedSet {_MONEY}
    transactions(first: 5) {{ nodes {{ id kind status }} }}
  }}
}}"""

MONEY_OF_ORDER = f"""query MoneyOfOrder($id: ID!) {{
  order(id: $id) {{
    id currencyCode presentmentCurrencyCode
    totalReceivedSet {_MONEY}
    transactions(first: 30) {{
      id kind status gateway amountSet {_MONEY}
      parentTransaction {{ id }}
    }}
    refunds(first: 50) {{
      id note
      totalRefundedSet {_MONEY}
      transactions(first: 5) {{ nodes {{ id kind status }} }}
    }}
  }}
}}"""

REFUND_CREATE = f"""mutation RefundCreate($input: RefundInput!, $key: String!) {{
  refundCreate(input: $input) @idempotent(key: $key) {{
    refund {{
      id note
      totalRefundedSet {_MONEY}
      transactions(first: 5) {{ nodes {{ id kind status }} }}
    }}
    userErrors {{ field message }}
  }}
}}"""

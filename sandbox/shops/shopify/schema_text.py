"""The part of the Admin schema the simulator knows (platforms.md §4.4); what is not here is an unknown field."""

from __future__ import annotations

SCHEMA = """
scalar DateTime scalar Decimal scalar Money scalar URL scalar UnsignedInt64 scalar CurrencyCode scalar CountryCode
interface Node { id: ID! }

type QueryRoot {
  shop: Shop!
  order(id: ID!): Order
  orders(first: Int, last: Int, after: String, before: String, reverse: Boolean = false,
         sortKey: OrderSortKeys = PROCESSED_AT, query: String): OrderConnection!
  ordersCount(query: String, limit: Int = 10000): Count
  refund(id: ID!): Refund
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  webhookSubscriptions(first: Int, last: Int, after: String, before: String): WebhookSubscriptionConnection!
}

enum OrderSortKeys { CREATED_AT UPDATED_AT PROCESSED_AT ID ORDER_NUMBER TOTAL_PRICE }
enum CountPrecision { EXACT AT_LEAST }
type Count { count: Int! precision: CountPrecision! }
type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
type MoneyV2 { amount: Decimal! currencyCode: CurrencyCode! }
type MoneyBag { shopMoney: MoneyV2! presentmentMoney: MoneyV2! }
type UserError { field: [String!] message: String! }

type Shop implements Node {
  id: ID! name: String! myshopifyDomain: String! email: String! currencyCode: CurrencyCode!
  ianaTimezone: String! plan: ShopPlan!
}
type ShopPlan { displayName: String! shopifyPlus: Boolean! }

type Order implements Node {
  id: ID! legacyResourceId: UnsignedInt64! name: String! note: String email: String phone: String
  createdAt: DateTime! updatedAt: DateTime! processedAt: DateTime! closedAt: DateTime cancelledAt: DateTime
  cancelReason: OrderCancelReason closed: Boolean! confirmed: Boolean! test: Boolean! tags: [String!]!
  currencyCode: CurrencyCode! presentmentCurrencyCode: CurrencyCode!
  displayFinancialStatus: OrderDisplayFinancialStatus displayFulfillmentStatus: OrderDisplayFulfillmentStatus!
  fullyPaid: Boolean! unpaid: Boolean! refundable: Boolean! subtotalLineItemsQuantity: Int!
  totalPriceSet: MoneyBag! currentTotalPriceSet: MoneyBag! subtotalPriceSet: MoneyBag totalTaxSet: MoneyBag
  totalDiscountsSet: MoneyBag totalShippingPriceSet: MoneyBag! totalReceivedSet: MoneyBag!
  totalRefundedSet: MoneyBag! netPaymentSet: MoneyBag! totalOutstandingSet: MoneyBag!
  customer: Customer shippingAddress: MailingAddress
  lineItems(first: Int, last: Int, after: String, before: String): LineItemConnection!
  transactions(first: Int): [OrderTransaction!]!
  fulfillments(first: Int): [Fulfillment!]!
  refunds(first: Int): [Refund!]!
  fulfillmentOrders(first: Int, last: Int, after: String, before: String): FulfillmentOrderConnection!
}
enum OrderCancelReason { CUSTOMER DECLINED FRAUD INVENTORY OTHER STAFF }
enum OrderDisplayFinancialStatus { PENDING AUTHORIZED PARTIALLY_PAID PAID PARTIALLY_REFUNDED REFUNDED VOIDED EXPIRED }
enum OrderDisplayFulfillmentStatus {
  UNFULFILLED PARTIALLY_FULFILLED FULFILLED RESTOCKED PENDING_FULFILLMENT OPEN IN_PROGRESS ON_HOLD SCHEDULED
  REQUEST_DECLINED
}
type OrderConnection { edges: [OrderEdge!]! nodes: [Order!]! pageInfo: PageInfo! }
type OrderEdge { cursor: String! node: Order! }

type Customer implements Node { id: ID! displayName: String! numberOfOrders: UnsignedInt64! }
type MailingAddress implements Node {
  id: ID! name: String phone: String address1: String address2: String city: String province: String
  country: String countryCodeV2: CountryCode zip: String
}
type ProductVariant implements Node { id: ID! sku: String title: String! }
type LineItem implements Node {
  id: ID! sku: String title: String! name: String! variantTitle: String quantity: Int! currentQuantity: Int!
  unfulfilledQuantity: Int! variant: ProductVariant
  originalUnitPriceSet: MoneyBag! originalTotalSet: MoneyBag! discountedTotalSet: MoneyBag!
  discountedUnitPriceSet: MoneyBag! totalDiscountSet: MoneyBag!
}
type LineItemConnection { edges: [LineItemEdge!]! nodes: [LineItem!]! pageInfo: PageInfo! }
type LineItemEdge { cursor: String! node: LineItem! }

enum OrderTransactionKind { AUTHORIZATION CAPTURE SALE REFUND VOID }
enum OrderTransactionStatus { SUCCESS PENDING FAILURE ERROR AWAITING_RESPONSE UNKNOWN }
type OrderTransaction implements Node {
  id: ID! kind: OrderTransactionKind! status: OrderTransactionStatus! gateway: String formattedGateway: String
  amountSet: MoneyBag! createdAt: DateTime! processedAt: DateTime parentTransaction: OrderTransaction
}
type OrderTransactionConnection {
  edges: [OrderTransactionEdge!]! nodes: [OrderTransaction!]! pageInfo: PageInfo!
}
type OrderTransactionEdge { cursor: String! node: OrderTransaction! }

type Refund implements Node {
  id: ID! legacyResourceId: UnsignedInt64! createdAt: DateTime updatedAt: DateTime! note: String
  totalRefundedSet: MoneyBag! order: Order!
  transactions(first: Int, last: Int, after: String, before: String): OrderTransactionConnection!
}

enum FulfillmentStatus { SUCCESS CANCELLED ERROR FAILURE OPEN PENDING }
enum FulfillmentDisplayStatus { FULFILLED IN_TRANSIT DELIVERED CANCELED }
type FulfillmentTrackingInfo { company: String number: String url: URL }
type Fulfillment implements Node {
  id: ID! legacyResourceId: UnsignedInt64! status: FulfillmentStatus! displayStatus: FulfillmentDisplayStatus
  createdAt: DateTime! updatedAt: DateTime! deliveredAt: DateTime
  trackingInfo(first: Int): [FulfillmentTrackingInfo!]!
}
enum FulfillmentOrderStatus { OPEN IN_PROGRESS CLOSED CANCELLED ON_HOLD }
type FulfillmentOrderLineItem implements Node { id: ID! remainingQuantity: Int! totalQuantity: Int! }
type FulfillmentOrderLineItemConnection {
  edges: [FulfillmentOrderLineItemEdge!]! nodes: [FulfillmentOrderLineItem!]! pageInfo: PageInfo!
}
type FulfillmentOrderLineItemEdge { cursor: String! node: FulfillmentOrderLineItem! }
type FulfillmentOrder implements Node {
  id: ID! status: FulfillmentOrderStatus!
  lineItems(first: Int, last: Int, after: String, before: String): FulfillmentOrderLineItemConnection!
}
type FulfillmentOrderConnection { edges: [FulfillmentOrderEdge!]! nodes: [FulfillmentOrder!]! pageInfo: PageInfo! }
type FulfillmentOrderEdge { cursor: String! node: FulfillmentOrder! }

enum WebhookSubscriptionTopic {
  ORDERS_CREATE ORDERS_UPDATED ORDERS_PAID ORDERS_CANCELLED ORDERS_FULFILLED REFUNDS_CREATE FULFILLMENTS_CREATE
}
type WebhookSubscription implements Node {
  id: ID! topic: WebhookSubscriptionTopic! uri: String! createdAt: DateTime!
}
type WebhookSubscriptionConnection {
  edges: [WebhookSubscriptionEdge!]! nodes: [WebhookSubscription!]! pageInfo: PageInfo!
}
type WebhookSubscriptionEdge { cursor: String! node: WebhookSubscription! }

input OrderTransactionInput {
  orderId: ID! parentId: ID gateway: String! kind: OrderTransactionKind! amount: Money!
}
input RefundInput {
  orderId: ID! note: String notify: Boolean currency: CurrencyCode transactions: [OrderTransactionInput!]
}
input OrderInput { id: ID! note: String }
input OrderCloseInput { id: ID! }
input OrderOpenInput { id: ID! }
input OrderMarkAsPaidInput { id: ID! }
input FulfillmentOrderLineItemInput { id: ID! quantity: Int! }
input FulfillmentOrderLineItemsInput {
  fulfillmentOrderId: ID! fulfillmentOrderLineItems: [FulfillmentOrderLineItemInput!]
}
input FulfillmentTrackingInput { company: String number: String url: URL }
input FulfillmentInput {
  lineItemsByFulfillmentOrder: [FulfillmentOrderLineItemsInput!]! trackingInfo: FulfillmentTrackingInput
  notifyCustomer: Boolean
}
input WebhookSubscriptionInput { uri: String! }

type RefundCreatePayload { order: Order refund: Refund userErrors: [UserError!]! }
type OrderPayload { order: Order userErrors: [UserError!]! }
type FulfillmentCreatePayload { fulfillment: Fulfillment userErrors: [UserError!]! }
type WebhookSubscriptionCreatePayload { webhookSubscription: WebhookSubscription userErrors: [UserError!]! }
type WebhookSubscriptionDeletePayload { deletedWebhookSubscriptionId: ID userErrors: [UserError!]! }

type Mutation {
  refundCreate(input: RefundInput!): RefundCreatePayload
  orderUpdate(input: OrderInput!): OrderPayload
  orderClose(input: OrderCloseInput!): OrderPayload
  orderOpen(input: OrderOpenInput!): OrderPayload
  orderMarkAsPaid(input: OrderMarkAsPaidInput!): OrderPayload
  fulfillmentCreate(fulfillment: FulfillmentInput!): FulfillmentCreatePayload
  webhookSubscriptionCreate(topic: WebhookSubscriptionTopic!,
                            webhookSubscription: WebhookSubscriptionInput!): WebhookSubscriptionCreatePayload
  webhookSubscriptionDelete(id: ID!): WebhookSubscriptionDeletePayload
}
"""

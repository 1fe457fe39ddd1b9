import GraphSimulator

/// What the journey found; the last line of `tools/run --smoke`.
struct SmokeReport {
  var recipients = 0
  var accepted = 0
  var failed = 0
  var ambiguous = 0
  var capturedMicros: Int64 = 0
  var refundedMicros: Int64 = 0
  var balanceMicros: Int64 = 0
  var expectedBalanceMicros: Int64 = 0
  var graphRequests = 0
  var graphDistinct = 0
  var doubleSends = 0
  var webhooksDuplicated = 0
  var webhooksReordered = 0
  var inboundSent = 0
  var inboundStored = 0
  var lostAcks = 0
  var foreignMessages = 0
  var ledgerSum: Int64 = 0
  var kills = 0
  var seconds = 0.0
  /// What did not hold, in words; empty where everything did.
  var broken: [String] = []

  /// Checks every condition of the journey; called once, at its end.
  mutating func judge(graphAccepted: Int, acceptedAtKill: Int, mixedAnswer: Int) {
    demand(recipients == SmokeJourney.recipients, "every recipient was added")
    demand(accepted == graphAccepted, "accepted is what Graph accepted, \(graphAccepted)")
    demand(accepted > 0 && accepted <= recipients, "some were accepted")
    demand(failed > 0, "the simulator's failures were seen")
    demand(
      ambiguous <= SmokeJourney.mostAmbiguous,
      "a kill leaves at most \(SmokeJourney.mostAmbiguous) sends ambiguous")
    demand(refundedMicros > 0, "failed messages were refunded")
    demand(balanceMicros == expectedBalanceMicros, "the balance is what the log says")
    demand(graphRequests >= graphDistinct, "each message was asked for")
    demand(doubleSends == 0, "nothing was sent twice")
    demand(webhooksDuplicated > 0, "webhooks came twice")
    demand(webhooksReordered > 0, "webhooks came out of order")
    demand(inboundStored == inboundSent, "every incoming message is stored once")
    demand(lostAcks == 0, "nothing acknowledged was lost")
    demand(foreignMessages == 0, "no tenant has another's message")
    demand(ledgerSum == 0, "the ledger sums to zero")
    demand(kills >= 2, "the cells were killed")
    demand(
      acceptedAtKill > 0 && acceptedAtKill < recipients, "the kill came while it was running")
    demand(mixedAnswer == 200, "the mixed webhook was answered with 200")
  }

  mutating func demand(_ holds: Bool, _ what: String) {
    if !holds { broken.append("not so: \(what)") }
  }

  var json: JSON {
    [
      "ok": .bool(broken.isEmpty), "recipients": JSON(recipients), "accepted": JSON(accepted),
      "failed": JSON(failed), "ambiguous": JSON(ambiguous),
      "captured_micros": .integer(capturedMicros), "refunded_micros": .integer(refundedMicros),
      "balance_micros": .integer(balanceMicros),
      "expected_balance_micros": .integer(expectedBalanceMicros),
      "graph_requests": JSON(graphRequests), "graph_distinct": JSON(graphDistinct),
      "double_sends": JSON(doubleSends), "webhooks_duplicated": JSON(webhooksDuplicated),
      "webhooks_reordered": JSON(webhooksReordered), "inbound_sent": JSON(inboundSent),
      "inbound_stored": JSON(inboundStored), "lost_acks": JSON(lostAcks),
      "foreign_messages": JSON(foreignMessages), "ledger_sum": .integer(ledgerSum),
      "kills": JSON(kills), "seconds": .double((seconds * 10).rounded() / 10),
      "broken": .array(broken.map { JSON($0) }),
    ]
  }
}

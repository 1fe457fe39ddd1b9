import GraphSimulator
import Testing

@testable import aimstors

@Suite struct SimulatorEvidenceTests {
  private static func send(_ callback: String, _ to: String, _ wamid: String?) -> JSON {
    [
      "method": "POST", "path": "/v25.0/106/messages", "callback_data": JSON(callback),
      "wamid": wamid.map { JSON($0) } ?? .null, "body": ["to": JSON(to)],
    ]
  }

  private static func status(_ wamid: String, _ status: String, result: Int = 200) -> JSON {
    let body: JSON = [
      "entry": [
        ["changes": [["value": ["statuses": [["id": JSON(wamid), "status": JSON(status)]]]]]]
      ]
    ]
    return ["body": JSON(body.serialized()), "result": JSON(result)]
  }

  private func evidence(_ requests: [JSON], _ webhooks: [JSON]) -> SimulatorEvidence {
    SimulatorEvidence(
      log: ["requests": .array(requests), "webhooks": .array(webhooks)], number: "106",
      prices: ["49": 100, "": 30])
  }

  @Test func `what was accepted and did not fail is paid at its recipient's price`() {
    let found = evidence(
      [
        Self.send("a", "+49151", "w1"), Self.send("b", "+33612", "w2"),
        Self.send("c", "+49152", "w3"), Self.send("d", "+49153", nil),
      ], [Self.status("w1", "sent"), Self.status("w3", "failed"), Self.status("w3", "failed")])
    #expect(found.accepted == 3 && found.requests == 4 && found.distinct == 4)
    #expect(found.failedLater == 1 && found.spentMicros == 130)
    #expect(found.duplicated == 1)
  }

  @Test func `a message that was refused and sent again is no double send, one taken twice is`() {
    let retried = evidence([Self.send("a", "+49", nil), Self.send("a", "+49", "w1")], [])
    #expect(retried.doubleSends == 0 && retried.requests == 2 && retried.distinct == 1)
    let twice = evidence([Self.send("a", "+49", "w1"), Self.send("a", "+49", "w2")], [])
    #expect(twice.doubleSends == 1 && twice.spentMicros == 200)
  }

  @Test func `a status that comes after a later one counts as reordered, a repeated one does not`()
  {
    let late = evidence(
      [Self.send("a", "+49", "w1")],
      [Self.status("w1", "delivered"), Self.status("w1", "sent")])
    #expect(late.reordered == 1 && late.duplicated == 0)
    let repeated = evidence(
      [Self.send("a", "+49", "w1")],
      [Self.status("w1", "sent"), Self.status("w1", "delivered"), Self.status("w1", "sent")])
    #expect(repeated.reordered == 0 && repeated.duplicated == 1)
  }

  @Test func `attempts that were not answered with 200 prove nothing`() {
    let found = evidence(
      [Self.send("a", "+49", "w1")],
      [Self.status("w1", "failed", result: 503), Self.status("w1", "failed", result: 0)])
    #expect(found.failedLater == 0 && found.spentMicros == 100 && found.duplicated == 0)
  }
}

import Testing

@testable import GraphSimulator

@Suite struct DeliveryQueueTests {
  private func webhook(_ id: Int64) -> Webhook {
    Webhook(id: id, body: [], overrideURL: nil, subject: "", isDuplicate: false)
  }

  private func delivered(_ next: DeliveryQueue.Next) -> Int64? {
    if case .deliver(let webhook) = next { webhook.id } else { nil }
  }

  @Test func `webhooks leave in the order of their times, equal ones as they came`() {
    var queue = DeliveryQueue(limit: 100, maximumInFlight: 100)
    for (id, due) in [(1, 50), (2, 10), (3, 10), (4, 30), (5, 0)] as [(Int64, Int64)] {
      queue.add(webhook(id), due: due)
    }
    var order: [Int64] = []
    while let id = delivered(queue.next(at: 1_000)) { order.append(id) }
    #expect(order == [5, 2, 3, 4, 1])
  }

  @Test func `nothing leaves before its time`() {
    var queue = DeliveryQueue(limit: 10, maximumInFlight: 10)
    queue.add(webhook(1), due: 50)
    guard case .wait(let until) = queue.next(at: 49) else {
      Issue.record("left too early")
      return
    }
    #expect(until == 50)
    #expect(delivered(queue.next(at: 50)) == 1)
  }

  @Test func `only so many are under way at one time`() {
    var queue = DeliveryQueue(limit: 10, maximumInFlight: 2)
    for id in 1...3 { queue.add(webhook(Int64(id)), due: 0) }
    #expect(delivered(queue.next(at: 0)) == 1)
    #expect(delivered(queue.next(at: 0)) == 2)
    #expect(delivered(queue.next(at: 0)) == nil)
    queue.finished(webhook(1), isDelivered: true, at: 0)
    #expect(delivered(queue.next(at: 0)) == 3)
  }

  @Test func `what was not answered with 200 comes again, later each time`() {
    var queue = DeliveryQueue(limit: 10, maximumInFlight: 1)
    queue.add(webhook(1), due: 0)
    var now: Int64 = 0
    var waits: [Int64] = []
    for _ in 0..<5 {
      guard case .deliver(let webhook) = queue.next(at: now) else { break }
      queue.finished(webhook, isDelivered: false, at: now)
      guard case .wait(let until) = queue.next(at: now) else { break }
      waits.append(until - now)
      now = until
    }
    #expect(waits == [250, 500, 1_000, 2_000, 4_000])
    #expect(
      DeliveryQueue.wait(after: 300) == SimulatorLimits.webhookRetryMostMilliseconds)
  }

  @Test func `the queue has a bound`() {
    var queue = DeliveryQueue(limit: 2, maximumInFlight: 1)
    queue.add(webhook(1), due: 0)
    #expect(queue.hasRoom(for: 1) && !queue.hasRoom(for: 2))
  }
}

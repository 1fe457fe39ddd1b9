/// Webhooks by the time at which they leave: a binary heap with a bound, and the retry rule.
struct DeliveryQueue: Sendable {
  private struct Entry: Sendable {
    let due: Int64
    let order: Int64
    let webhook: Webhook
  }

  private var heap: [Entry] = []
  private var order: Int64 = 0
  private(set) var inFlight = 0
  let limit: Int
  let maximumInFlight: Int

  init(
    limit: Int = SimulatorLimits.pendingWebhooks,
    maximumInFlight: Int = SimulatorLimits.webhooksInFlight
  ) {
    self.limit = limit
    self.maximumInFlight = maximumInFlight
  }

  var count: Int { heap.count }
  /// Whether `count` more fit.
  func hasRoom(for count: Int) -> Bool { heap.count + count <= limit }

  /// What to do next.
  enum Next: Sendable {
    case deliver(Webhook)
    /// Nothing before this tick, in milliseconds.
    case wait(until: Int64)
    /// Nothing until something is added or a delivery ends.
    case idle
  }

  mutating func add(_ webhook: Webhook, due: Int64) {
    order += 1
    heap.append(Entry(due: due, order: order, webhook: webhook))
    siftUp(heap.count - 1)
  }

  mutating func next(at now: Int64) -> Next {
    guard inFlight < maximumInFlight, let first = heap.first else { return .idle }
    guard first.due <= now else { return .wait(until: first.due) }
    inFlight += 1
    removeFirst()
    return .deliver(first.webhook)
  }

  /// A delivery ended; one that was not answered with 200 is tried again later.
  mutating func finished(_ webhook: Webhook, isDelivered: Bool, at now: Int64) {
    inFlight -= 1
    guard !isDelivered, webhook.attempt < SimulatorLimits.webhookAttempts else { return }
    var retry = webhook
    retry.attempt += 1
    add(retry, due: now + Self.wait(after: webhook.attempt))
  }

  /// The wait after the given attempt, in milliseconds: doubles up to half an hour.
  static func wait(after attempt: Int) -> Int64 {
    let doublings = min(attempt - 1, 20)
    return min(
      SimulatorLimits.webhookRetryLeastMilliseconds << Int64(doublings),
      SimulatorLimits.webhookRetryMostMilliseconds)
  }

  mutating func removeAll() { heap.removeAll() }

  private static func isBefore(_ a: Entry, _ b: Entry) -> Bool {
    a.due != b.due ? a.due < b.due : a.order < b.order
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0, Self.isBefore(heap[index], heap[(index - 1) / 2]) {
      heap.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  private mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
        if Self.isBefore(heap[child], heap[least]) { least = child }
      }
      guard least != index else { return }
      heap.swapAt(index, least)
      index = least
    }
  }
}

import AsyncHTTPClient
import Logging
import Platform
import Synchronization
import Wire

/// Delivers webhooks when they are due, a bounded number at a time, and again until they are
/// answered with 200.
final class DeliveryEngine: Sendable {
  private struct State: Sendable {
    var queue = DeliveryQueue()
    var target: WebhookTarget?
    var nextID: Int64 = 0
    var webhook5xxRate = 0.0
    var dice = FaultDice(seed: 1)
  }

  private let state = Mutex(State())
  private let client: HTTPClient
  private let log: SimulatorLog
  private let clock: any WallClock
  private let started = ContinuousClock.now
  private let wakes: AsyncStream<Void>
  private let wake: AsyncStream<Void>.Continuation

  init(client: HTTPClient, log: SimulatorLog, clock: any WallClock, target: WebhookTarget?) {
    self.client = client
    self.log = log
    self.clock = clock
    (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    state.withLock { $0.target = target }
  }

  /// Milliseconds since this engine was made.
  var tick: Int64 {
    let elapsed = (ContinuousClock.now - started).components
    return elapsed.seconds * 1000 + elapsed.attoseconds / 1_000_000_000_000_000
  }

  var target: WebhookTarget? { state.withLock(\.target) }
  var pending: Int { state.withLock { $0.queue.count + $0.queue.inFlight } }
  func hasRoom(for count: Int) -> Bool { state.withLock { $0.queue.hasRoom(for: count) } }

  func setTarget(_ target: WebhookTarget) { state.withLock { $0.target = target } }

  func setFaults(_ faults: Faults) {
    state.withLock { state in
      state.webhook5xxRate = faults.webhook5xxRate
      state.dice = FaultDice(seed: faults.seed)
    }
  }

  /// Forgets what has not left yet.
  func dropPending() { state.withLock { $0.queue.removeAll() } }

  /// Queues one body.
  ///
  /// Returns the webhook, or nil when the queue is full.
  @discardableResult
  func enqueue(
    _ body: JSON, subject: String, overrideURL: String? = nil, after: Int64 = 0,
    isDuplicate: Bool = false
  ) -> Webhook? {
    let bytes = body.bytes(.meta)
    let due = tick + after
    let webhook: Webhook? = state.withLock { state in
      guard state.queue.hasRoom(for: 1) else { return nil }
      state.nextID += 1
      let webhook = Webhook(
        id: state.nextID, body: bytes, overrideURL: overrideURL, subject: subject,
        isDuplicate: isDuplicate)
      state.queue.add(webhook, due: due)
      return webhook
    }
    wake.yield()
    return webhook
  }

  /// Delivers one body at once, outside the queue, and tells how it went.
  func deliverNow(_ body: JSON, subject: String, overrideURL: String? = nil) async -> WebhookResult
  {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    let webhook = Webhook(
      id: id, body: body.bytes(.meta), overrideURL: overrideURL, subject: subject,
      isDuplicate: false)
    let result = await post(webhook)
    if !result.isDelivered {
      var retry = webhook
      retry.attempt = 2
      let due = tick + DeliveryQueue.wait(after: 1)
      state.withLock { [retry] in $0.queue.add(retry, due: due) }
      wake.yield()
    }
    return result
  }

  /// Runs until its task is cancelled.
  func run() async {
    await withDiscardingTaskGroup { group in
      var alarm: Int64 = .max
      var iterator = wakes.makeAsyncIterator()
      while !Task.isCancelled {
        let now = tick
        if alarm <= now { alarm = .max }
        switch state.withLock({ $0.queue.next(at: now) }) {
        case .deliver(let webhook):
          group.addTask { await self.deliver(webhook) }
          continue
        case .wait(let due):
          if due < alarm {
            alarm = due
            group.addTask {
              try? await Task.sleep(for: .milliseconds(due - now))
              self.wake.yield()
            }
          }
        case .idle: break
        }
        if await iterator.next() == nil { break }
      }
      group.cancelAll()
    }
  }

  private func deliver(_ webhook: Webhook) async {
    let result = await post(webhook)
    let isLost = state.withLock { state in
      state.dice.happens(state.webhook5xxRate, .webhook5xx, webhook.subject, webhook.attempt)
        && webhook.attempt == 1
    }
    let now = tick
    state.withLock {
      $0.queue.finished(webhook, isDelivered: result.isDelivered && !isLost, at: now)
    }
    wake.yield()
  }

  /// Posts one webhook and writes the attempt to the log.
  private func post(_ webhook: Webhook) async -> WebhookResult {
    guard let target = state.withLock(\.target) else {
      return WebhookResult(status: 0, error: "no webhook address is set")
    }
    let signature = "sha256=" + Digest.hmac(key: target.appSecret, webhook.body)
    var request = HTTPClientRequest(url: webhook.overrideURL ?? target.url)
    request.method = .POST
    request.headers.add(name: "content-type", value: "application/json")
    request.headers.add(name: "user-agent", value: "facebookexternalua")
    request.headers.add(name: "x-hub-signature-256", value: signature)
    if let host = target.host, webhook.overrideURL == nil {
      request.headers.add(name: "host", value: host)
    }
    request.body = .bytes(webhook.body, length: .known(Int64(webhook.body.count)))
    let at = clock.milliseconds()
    let result: WebhookResult
    do {
      let response = try await client.execute(
        request, timeout: .seconds(SimulatorLimits.webhookTimeoutSeconds))
      _ = try? await response.body.collect(upTo: SimulatorLimits.webhookAnswerBytes)
      result = WebhookResult(status: Int(response.status.code), error: nil)
    } catch {
      result = WebhookResult(status: 0, error: String(describing: error))
    }
    log.add(webhook: webhook, signature: signature, result: result, at: at)
    return result
  }
}

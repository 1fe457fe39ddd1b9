import AsyncHTTPClient
import Hummingbird
import Logging
import Platform
import Synchronization

/// What the routes share: the account, the log and the delivery of webhooks.
final class SimulatorCore: Sendable {
  let configuration: GraphSimulatorConfiguration
  let engine: DeliveryEngine
  let log = SimulatorLog()
  let clock: any WallClock
  let random: any RandomSource
  let logger: Logger
  private let world: Mutex<GraphWorld>
  private let port = Mutex(0)

  init(
    _ configuration: GraphSimulatorConfiguration, client: HTTPClient, clock: any WallClock,
    random: any RandomSource, logger: Logger
  ) {
    self.configuration = configuration
    self.logger = logger
    self.clock = clock
    self.random = random
    engine = DeliveryEngine(
      client: client, log: log, clock: clock, target: configuration.webhook)
    engine.setFaults(configuration.faults)
    var world = GraphWorld(
      numbers: configuration.numbers, faults: configuration.faults,
      instance: Digest.hexadecimal(random.bytes(8)))
    for template in configuration.templates { world.know(template, now: clock.milliseconds()) }
    self.world = Mutex(world)
  }

  var baseURL: String { "http://\(configuration.host):\(port.withLock { $0 })" }
  func setPort(_ bound: Int) { port.withLock { $0 = bound } }

  var faults: Faults { world.withLock(\.faults) }

  func setFaults(_ faults: Faults) {
    world.withLock { $0.faults = faults }
    engine.setFaults(faults)
  }

  /// Changes the account; the closure's refusal is the caller's.
  func withWorld<Value: Sendable>(
    _ change: (inout GraphWorld) throws(GraphError) -> sending Value
  ) throws(GraphError) -> sending Value {
    let result: Result<Value, GraphError> = world.withLock { world in
      do throws(GraphError) { return .success(try change(&world)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// The address of a WABA's webhooks: nil for the app's.
  ///
  /// Absent where nobody subscribed.
  func destination(waba: String) -> String?? {
    world.withLock { world in
      guard let waba = world.wabas[waba] else { return .some(nil) }
      return waba.isSubscribed ? .some(waba.overrideURL) : nil
    }
  }

  /// Queues one webhook of a WABA, where somebody subscribed.
  func notify(_ webhook: ManagementWebhook) {
    guard let url = destination(waba: webhook.waba) else { return }
    let body = WebhookBody.envelope(
      waba: webhook.waba, field: webhook.field, value: webhook.value,
      time: clock.milliseconds() / 1000)
    engine.enqueue(body, subject: "\(webhook.waba)|\(webhook.field)", overrideURL: url)
  }
}

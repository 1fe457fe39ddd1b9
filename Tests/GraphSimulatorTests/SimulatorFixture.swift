import AsyncHTTPClient
import Hummingbird
import Logging
import Platform
import Simulation
import Synchronization

@testable import GraphSimulator

/// A running simulator and the receiver of its webhooks.
struct RunningSimulator: Sendable {
  struct Answer: Sendable {
    let status: Int
    let body: [UInt8]
    var json: JSON { (try? JSON(parsing: body)) ?? .null }
  }

  let base: String
  let number = PhoneNumber.series(1)[0]
  let receiver: WebhookReceiver

  func graph(
    _ method: String, _ path: String, _ body: JSON? = nil, token: String = "token"
  ) async throws -> Answer {
    try await raw(method, path, body?.bytes(), type: "application/json", token: token)
  }

  func raw(
    _ method: String, _ path: String, _ body: [UInt8]?, type: String, token: String = "token"
  ) async throws -> Answer {
    try await send(method, "\(base)/v25.0/\(path)", body, type, token)
  }

  func sim(_ method: String, _ path: String, _ body: JSON? = nil) async throws -> Answer {
    try await send(method, "\(base)/_sim/\(path)", body?.bytes(), "application/json", "token")
  }

  private func send(
    _ method: String, _ url: String, _ body: [UInt8]?, _ type: String, _ token: String
  ) async throws -> Answer {
    var request = HTTPClientRequest(url: url)
    request.method = .init(rawValue: method)
    request.headers.add(name: "authorization", value: "Bearer \(token)")
    request.headers.add(name: "content-type", value: type)
    request.body = body.map { .bytes($0, length: .known(Int64($0.count))) }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    let content = try await response.body.collect(upTo: 1 << 24)
    return Answer(status: Int(response.status.code), body: Array(content.readableBytesView))
  }
}

/// Takes webhooks; answers 200, or 500 where it was told to.
final class WebhookReceiver: Sendable {
  struct Received: Sendable {
    let body: [UInt8]
    let signature: String
  }

  private let refusals = Mutex(0)
  private let total = Mutex(0)
  private let arrivals: AsyncStream<Received>
  private let arrived: AsyncStream<Received>.Continuation

  init() { (arrivals, arrived) = AsyncStream.makeStream() }

  var count: Int { total.withLock { $0 } }

  func refuseNext(_ count: Int) { refusals.withLock { $0 = count } }

  /// The next webhooks, waiting for them.
  func take(_ count: Int) async -> [Received] {
    var taken: [Received] = []
    for await webhook in arrivals {
      taken.append(webhook)
      if taken.count == count { break }
    }
    return taken
  }

  func respond(_ request: Request) async throws -> Response {
    let body = try await request.body.collect(upTo: 1 << 20)
    let signature = request.headers.first { $0.name.canonicalName == "x-hub-signature-256" }?.value
    total.withLock { $0 += 1 }
    arrived.yield(Received(body: Array(body.readableBytesView), signature: signature ?? ""))
    let isRefused = refusals.withLock { left in
      guard left > 0 else { return false }
      left -= 1
      return true
    }
    return Response(status: isRefused ? .internalServerError : .ok)
  }
}

/// Runs `body` against a simulator on a free port, and ends both servers afterwards.
func withSimulator(
  _ body: @escaping @Sendable (RunningSimulator) async throws -> Void
) async throws {
  let receiver = WebhookReceiver()
  let (ports, portFound) = AsyncStream.makeStream(of: Int.self)
  let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  let application = Application(
    responder: CallbackResponder<BasicRequestContext> { request, _ in
      try await receiver.respond(request)
    },
    configuration: .init(address: .hostname("127.0.0.1", port: 0)),
    onServerRunning: { portFound.yield($0.localAddress?.port ?? 0) }, logger: logger)
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await GracefulEnd(application, logger: logger).run() }
    var iterator = ports.makeAsyncIterator()
    let port = await iterator.next() ?? 0
    var configuration = GraphSimulatorConfiguration(
      tokens: ["token"], numbers: PhoneNumber.series(2))
    configuration.webhook = WebhookTarget(
      url: "http://127.0.0.1:\(port)/hook", host: "api.localhost", appSecret: "secret",
      verifyToken: "verify")
    let node = SimulatorNode(
      configuration, clock: LiveWallClock(), random: SeededRandomSource(seed: 1), logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { simulator in
      simulator.addTask { try await node.run() }
      let bound = await node.boundPort() ?? 0
      try await body(RunningSimulator(base: "http://127.0.0.1:\(bound)", receiver: receiver))
      await end(&simulator)
    }
    await end(&group)
  }
}

/// Cancels servers and waits for them; their error is their ordinary end here.
private func end(_ group: inout ThrowingTaskGroup<Void, any Error>) async {
  group.cancelAll()
  while let result = await group.nextResult() { _ = result }
}

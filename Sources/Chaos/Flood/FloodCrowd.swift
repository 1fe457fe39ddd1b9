import Foundation
import GraphSimulator
import Platform

/// The clients of a flood: first those who do not take their answers, then those with a body each,
/// which all hold back until everybody is there.
struct FloodCrowd: Sendable {
  static let threads = 8
  static let slowReaders = 64
  static let asksOfSlowReader = 100
  /// Full pages, behind the others: each takes a cell a second in a test build.
  static let fullPages = 6
  /// Of this machine's own addresses, so that none is refused for what comes from it alone.
  static let sources = 16

  /// What was sent and answered.
  struct Sent: Sendable {
    /// Nil: Meta's.
    let tenant: Int?
    let recipients: Int
    let answer: FloodAnswer?
    /// Why there is none.
    let instead: String
  }

  private struct Held {
    let tenant: Int?
    let recipients: Int
    let peer: FloodPeer?
  }

  private let connections: Int
  private let tenants: [FloodTenant]
  private let port: UInt16
  private let host: String
  private let webhook: [UInt8]
  private let webhookHead: [String]
  private let gate = FloodGate(threads: FloodCrowd.threads)

  init(
    _ flood: FloodPlan, _ tenants: [FloodTenant], _ local: JSON, _ client: SystemClient
  ) throws {
    guard let port = URL(string: client.url)?.port.flatMap({ UInt16(exactly: $0) }) else {
      throw ChaosFailure("\(client.url) has no port")
    }
    self.port = port
    self.tenants = tenants
    connections = flood.connections
    host = client.apiHost
    webhook = FloodBodies.webhook(phoneNumberID: tenants[0].tenant.phoneNumberID)
    let app = local["meta_app"]
    let signature = flood.sign(app?["app_secret"]?.string ?? "", webhook)
    webhookHead = [
      "POST /webhooks/whatsapp/\(app?["name"]?.string ?? "") HTTP/1.1", "host: \(host)",
      "x-hub-signature-256: \(signature)",
    ]
  }

  /// Sends everything; `beside` runs while the bodies are held.
  func attack(beside: @escaping @Sendable () async throws -> Void) async throws -> [Sent] {
    try await withThrowingTaskGroup(of: [Sent].self) { group in
      for thread in 0..<Self.threads {
        group.addTask {
          try await Blocking.run("flood-\(thread)") { work(thread) }.get()
        }
      }
      group.addTask {
        _ = await Blocking.run("flood-gate") { gate.wait() }
        defer { gate.open() }
        try await beside()
        return []
      }
      return try await group.reduce(into: [Sent]()) { $0 += $1 }
    }
  }

  private func work(_ thread: Int) -> [Sent] {
    let slow = stride(from: thread, to: Self.slowReaders, by: Self.threads).compactMap { number in
      FloodPeer(
        port: port, source: Self.source(number),
        head: tenants[number % tenants.count].head(
          "GET", "/recipients?limit=500", host: host, key: nil),
        times: Self.asksOfSlowReader)
    }
    var held: [Held] = []
    for number in stride(from: thread, to: connections, by: Self.threads) {
      held.append(hold(number))
    }
    gate.arrive()
    for one in held { one.peer?.release() }
    var sent = held.map(hear)
    for number in stride(from: thread, to: Self.fullPages, by: Self.threads) {
      let full = page(
        connections + number, of: number % tenants.count, recipients: FloodBodies.fullPage)
      full.peer?.release()
      sent.append(hear(full))
    }
    for peer in slow { peer.end() }
    return sent
  }

  /// Where a connection comes from: by threes, so that each source has some of every kind.
  private static func source(_ number: Int) -> UInt8 { UInt8(number / 3 % sources) }

  /// A third is one tenant's, a third all tenants', a third Meta's.
  private func hold(_ number: Int) -> Held {
    switch number % 3 {
    case 0: page(number, of: 0, recipients: FloodBodies.sparsePage)
    case 1: page(number, of: number / 3 % tenants.count, recipients: FloodBodies.sparsePage)
    default:
      Held(
        tenant: nil, recipients: 0,
        peer: FloodPeer(
          port: port, source: Self.source(number), head: webhookHead, body: webhook))
    }
  }

  private func page(_ number: Int, of tenant: Int, recipients: Int) -> Held {
    // Page 0 is there.
    let page = number + 1
    return Held(
      tenant: tenant, recipients: recipients,
      peer: FloodPeer(
        port: port, source: Self.source(number),
        head: tenants[tenant].head("POST", "/recipients", host: host, key: "page-\(page)"),
        body: FloodBodies.page(page, recipients)))
  }

  private func hear(_ held: Held) -> Sent {
    defer { held.peer?.end() }
    let (answer, instead) = held.peer?.hear() ?? (nil, "no connection")
    return Sent(
      tenant: held.tenant, recipients: held.recipients, answer: answer, instead: instead)
  }
}

/// Where the threads of a flood wait, each with what it holds, until all are there and are let on.
private final class FloodGate: Sendable {
  private struct State: Sendable {
    var missing: Int
    var isOpen = false
  }

  private let state: Monitor<State>

  init(threads: Int) { state = Monitor(State(missing: threads)) }

  /// Blocks its thread until ``open()``.
  func arrive() {
    state.withLock { $0.missing -= 1 }
    state.broadcast()
    state.wait { $0.isOpen ? () : nil }
  }

  /// Blocks its thread until all have arrived.
  func wait() { state.wait { $0.missing == 0 ? () : nil } }

  func open() {
    state.withLock { $0.isOpen = true }
    state.broadcast()
  }
}

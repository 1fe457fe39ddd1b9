import Messaging
import Simulation
import SwiftProtobuf
import Synchronization
import Wire

/// A cell that answers as told and remembers what came.
final class FakeCell: Sendable {
  struct Memory: Sendable {
    var requests: [Aimstors_ProtoRequest] = []
    var parts: [Aimstors_ProtoWebhookPart] = []
    var spooled: [Aimstors_ProtoSpoolPart] = []
  }

  typealias Answer =
    @Sendable (Aimstors_ProtoRequest) async throws(Failure) ->
    Aimstors_ProtoResponse

  let id: String
  let messenger: InMemoryMessenger
  private let memory = Mutex(Memory())
  /// A function in a box: a lock over a bare function type is more than the compiler can take.
  private struct Script: Sendable { let answer: Answer }

  private let script: Mutex<Script>
  private let takesParts = Mutex<Failure?>(nil)
  private let takesSpool = Mutex(true)

  init(_ id: String, _ network: InMemoryNetwork) async throws {
    self.id = id
    script = Mutex(Script(answer: { _ throws(Failure) in FakeCell.text(200, "from \(id)") }))
    messenger = InMemoryMessenger(
      identity: PeerIdentity(role: .cell, id: id, generation: .first), network: network)
    _ = try await messenger.listen(at: address) { [self] request throws(Failure) in
      try await handle(request)
    }
  }

  var address: Address { Address("tcp://\(id):7100") }
  var requests: [Aimstors_ProtoRequest] { memory.withLock { $0.requests } }
  var parts: [Aimstors_ProtoWebhookPart] { memory.withLock { $0.parts } }
  var spooled: [Aimstors_ProtoSpoolPart] { memory.withLock { $0.spooled } }

  func answers(_ answer: @escaping Answer) { script.withLock { $0 = Script(answer: answer) } }
  func refusesParts(_ failure: Failure?) { takesParts.withLock { $0 = failure } }
  func refusesSpool() { takesSpool.withLock { $0 = false } }

  static func text(_ status: UInt32, _ text: String) -> Aimstors_ProtoResponse {
    .with {
      $0.status = status
      $0.headers = [.with { ($0.name, $0.value) = ("content-type", "text/plain") }]
      $0.body = .init(text.utf8)
    }
  }

  static func moved(to cell: String, _ epoch: UInt64) -> Aimstors_ProtoResponse {
    .with { ($0.moved.cell, $0.moved.epoch) = (cell, epoch) }
  }

  private func handle(_ request: IncomingRequest) async throws(Failure) -> [UInt8] {
    switch request.method {
    case .http:
      let envelope = try Self.decode(Aimstors_ProtoRequest.self, request.payload)
      memory.withLock { $0.requests.append(envelope) }
      let script = script.withLock { $0 }
      return try Self.encode(try await script.answer(envelope))
    case .webhookPart:
      if let failure = takesParts.withLock({ $0 }) { throw failure }
      let part = try Self.decode(Aimstors_ProtoWebhookPart.self, request.payload)
      memory.withLock { $0.parts.append(part) }
      return []
    case .spoolStore:
      guard takesSpool.withLock({ $0 }) else { throw Failure(.diskFull, "no room") }
      let part = try Self.decode(Aimstors_ProtoSpoolPart.self, request.payload)
      memory.withLock { $0.spooled.append(part) }
      return try Self.encode(Aimstors_ProtoSpoolStored.with { $0.id = "1" })
    default: throw Failure(.invalidRequest, "not a cell's")
    }
  }

  static func decode<M: Message>(_: M.Type, _ bytes: [UInt8]) throws(Failure) -> M {
    do { return try M(serializedBytes: bytes) } catch { throw Failure(.invalidRequest, "\(error)") }
  }

  static func encode(_ message: some Message) throws(Failure) -> [UInt8] {
    do { return try message.serializedBytes() } catch { throw Failure(.internalError, "\(error)") }
  }
}

/// A control plane that serves one page of map.
final class FakeControlPlane: Sendable {
  let messenger: InMemoryMessenger
  let publisher: any Publisher
  private let page: Mutex<Aimstors_ProtoMapPage>
  private let manifests = Mutex(0)

  init(_ network: InMemoryNetwork, _ chunk: Aimstors_ProtoMapChunk) async throws {
    page = Mutex(TestMap.page(1, chunk))
    messenger = InMemoryMessenger(
      identity: PeerIdentity(role: .controlPlane, id: "control", generation: .first),
      network: network)
    publisher = try await messenger.publisher(at: RouterHarness.publisher)
    _ = try await messenger.listen(at: RouterHarness.controlPlane) {
      [self] request throws(Failure) in
      let page = page.withLock { $0 }
      switch request.method {
      case .mapManifest:
        manifests.withLock { $0 += 1 }
        return try FakeCell.encode(page.manifest)
      case .mapPull: return try FakeCell.encode(page)
      case .http:
        let envelope = try FakeCell.decode(Aimstors_ProtoRequest.self, request.payload)
        return try FakeCell.encode(
          FakeCell.text(201, "\(envelope.hostKind) \(envelope.tenant)\(envelope.target)"))
      default: throw Failure(.invalidRequest, "not a control plane's")
      }
    }
  }

  var manifestsServed: Int { manifests.withLock { $0 } }

  func serve(_ version: UInt64, _ chunk: Aimstors_ProtoMapChunk) {
    page.withLock { $0 = TestMap.page(version, chunk) }
  }

  func publish() async throws {
    await publisher.publish(.map, try page.withLock { $0 }.serializedBytes())
  }
}

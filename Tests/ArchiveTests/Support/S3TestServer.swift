import Hummingbird
import Logging
import NIOCore
import Platform
import Storage
import Synchronization
import Wire

@testable import Archive

/// A small S3 server in process: what the client uses of the protocol, every signature checked, and
/// faults on demand.
final class S3TestServer: Sendable {
  enum Fault: Sendable {
    /// 503, nothing done.
    case unavailable
    /// Done, and 500 all the same.
    case failsAfter
    /// 200, nothing done.
    case lies
  }
  private struct State {
    var objects: [String: [UInt8]] = [:]
    var faults: [Fault] = []
    var calls: [String] = []
  }

  static let credentials = SigV4.Credentials(accessKey: "AKTEST", secretKey: "secret/of+tests")
  static let bucket = "aims-archive"
  static let region = "eu-test-1"

  private let state = Mutex(State())
  private let clock: any WallClock

  init(clock: any WallClock) { self.clock = clock }

  func fail(_ faults: [Fault]) { state.withLock { $0.faults += faults } }
  var calls: [String] { state.withLock { $0.calls } }
  var names: [String] { state.withLock { $0.objects.keys.sorted() } }

  /// Runs the server on a free port while `body` runs.
  func run<T: Sendable>(_ body: @escaping @Sendable (Int) async throws -> T) async throws -> T {
    let router = Router()
    for method in [HTTPRequest.Method.get, .put, .delete] {
      router.on("/**", method: method) { request, _ in try await self.answer(request) }
      router.on("/", method: method) { request, _ in try await self.answer(request) }
    }
    let port = AsyncStream<Int>.makeStream()
    let logger = Logger(label: "s3") { _ in SwiftLogNoOpLogHandler() }
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { port.continuation.yield($0.localAddress?.port ?? 0) },
      logger: logger)
    return try await withThrowingTaskGroup(of: T?.self) { group in
      group.addTask {
        try await GracefulEnd(application, logger: logger).run()
        return nil
      }
      var iterator = port.stream.makeAsyncIterator()
      let bound = await iterator.next() ?? 0
      let result = try await body(bound)
      group.cancelAll()
      return result
    }
  }

  private func answer(_ request: Request) async throws -> Response {
    let body = try await Array(request.body.collect(upTo: 128 << 20).readableBytesView)
    guard isSigned(request, body) else { return Self.xml(403, "SignatureDoesNotMatch") }
    let path = request.uri.path.removingPercent
    let host = request.head.authority ?? ""
    var name = path
    if host.hasPrefix("\(Self.bucket).") {
      name.removeFirst()
    } else {
      guard path.hasPrefix("/\(Self.bucket)/") else { return Self.xml(404, "NoSuchBucket") }
      name = String(path.dropFirst(Self.bucket.count + 2))
    }
    let fault = state.withLock { state -> Fault? in
      state.calls.append("\(request.method.rawValue) \(name)")
      return state.faults.isEmpty ? nil : state.faults.removeFirst()
    }
    if case .unavailable = fault { return Self.xml(503, "SlowDown") }
    if case .lies = fault { return Response(status: .ok) }
    let response = perform(request, name, body)
    if case .failsAfter = fault { return Self.xml(500, "InternalError") }
    return response
  }

  private func perform(_ request: Request, _ name: String, _ body: [UInt8]) -> Response {
    switch request.method {
    case .put:
      let isFree = state.withLock { state -> Bool in
        let isConditional = request.headers[.ifNoneMatch] == "*"
        if isConditional, state.objects[name] != nil { return false }
        state.objects[name] = body
        return true
      }
      return isFree ? Response(status: .ok) : Self.xml(412, "PreconditionFailed")
    case .delete:
      state.withLock { _ = $0.objects.removeValue(forKey: name) }
      return Response(status: .noContent)
    default:
      if name.isEmpty { return listing(request) }
      guard let object = state.withLock({ $0.objects[name] }) else {
        return Self.xml(404, "NoSuchKey")
      }
      return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(bytes: object)))
    }
  }

  private func listing(_ request: Request) -> Response {
    let query = request.uri.queryParameters
    let prefix = query["prefix"].map(String.init)?.removingPercent ?? ""
    let start = query["continuation-token"] ?? query["start-after"]
    let after = start.map(String.init)?.removingPercent ?? ""
    let limit = Int(query["max-keys"] ?? "1000") ?? 1_000
    let all = state.withLock { state in
      state.objects.filter { $0.key.hasPrefix(prefix) && $0.key > after }
        .map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
    }
    let page = all.prefix(limit)
    var xml = "<?xml version=\"1.0\"?><ListBucketResult>"
    xml += "<IsTruncated>\(page.count < all.count)</IsTruncated>"
    if page.count < all.count, let last = page.last {
      xml += "<NextContinuationToken>\(last.0)</NextContinuationToken>"
    }
    for (name, size) in page {
      xml += "<Contents><Key>\(name)</Key><Size>\(size)</Size></Contents>"
    }
    return Response(
      status: .ok, body: .init(byteBuffer: ByteBuffer(string: xml + "</ListBucketResult>")))
  }

  private static func xml(_ status: Int, _ code: String) -> Response {
    Response(
      status: .init(code: status),
      body: .init(
        byteBuffer: ByteBuffer(string: "<Error><Code>\(code)</Code></Error>")))
  }

  /// Signs what came as the client must have, and compares.
  private func isSigned(_ request: Request, _ body: [UInt8]) -> Bool {
    func header(_ name: String) -> String? {
      request.headers.first { $0.name.canonicalName == name }?.value
    }
    guard let authorization = header("authorization"), let stamp = header("x-amz-date"),
      header("x-amz-content-sha256") == "\(SHA256Hash.of(body))",
      let time = Timestamp(rfc3339: Self.rfc3339(stamp)),
      abs(time.milliseconds - clock.milliseconds()) < 900_000
    else { return false }
    let names = authorization.split(separator: "SignedHeaders=").last?.split(separator: ",").first
    let known: Set<String> = ["host", "x-amz-date", "x-amz-content-sha256"]
    let headers = (names ?? "").split(separator: ";").map(String.init)
      .filter { !known.contains($0) }.map { (name: $0, value: header($0) ?? "") }
    let parts = request.uri.string.split(separator: "?", maxSplits: 1)
    let query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map { pair in
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (
        name: String(sides[0]).removingPercent,
        value: sides.count > 1 ? String(sides[1]).removingPercent : ""
      )
    }
    let signer = SigV4(credentials: Self.credentials, region: Self.region)
    let expected = signer.headers(
      SigV4.Request(
        method: request.method.rawValue, host: request.head.authority ?? "",
        path: parts.first.map(String.init) ?? "/", query: query, headers: headers,
        payloadHash: "\(SHA256Hash.of(body))"), at: time)
    return expected.first { $0.name == "authorization" }?.value == authorization
  }

  private static func rfc3339(_ stamp: String) -> String {
    let digits = Array(stamp)
    guard digits.count == 16 else { return "" }
    func part(_ from: Int, _ count: Int) -> String { String(digits[from..<(from + count)]) }
    return "\(part(0, 4))-\(part(4, 2))-\(part(6, 2))T\(part(9, 2)):\(part(11, 2)):\(part(13, 2))Z"
  }
}

extension String {
  /// Percent-encoding undone.
  var removingPercent: String {
    var bytes: [UInt8] = []
    var rest = Array(utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = ArchiveHex.decode(
          String(decoding: rest.prefix(2), as: UTF8.self).lowercased())?.first
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

import AsyncHTTPClient
import Logging
import NIOCore
import Platform
import Storage
import Wire

/// Objects in a bucket of S3-compatible storage.
///
/// Writes are conditional (`If-None-Match: *`): what stands under a name is never replaced. What
/// may pass (5xx, 429, no answer) is tried again with growing pauses, a bounded number of times.
public struct S3Store: ObjectStore {
  private let configuration: S3Configuration
  private let signer: SigV4
  private let client: HTTPClient
  private let clock: any WallClock

  public init(
    _ configuration: S3Configuration, client: HTTPClient = .shared, clock: any WallClock
  ) {
    self.configuration = configuration
    self.client = client
    self.clock = clock
    signer = SigV4(
      credentials: SigV4.Credentials(
        accessKey: configuration.accessKey, secretKey: configuration.secretKey,
        sessionToken: configuration.sessionToken), region: configuration.region)
  }

  public func put(_ name: String, _ bytes: [UInt8]) async throws(ArchiveError) {
    let answer = try await call(
      Call(method: "PUT", name: name, body: bytes, headers: [("if-none-match", "*")]))
    switch answer.status {
    case 200...299: return
    // Another's, or our own from an attempt whose answer was lost.
    case 409, 412:
      guard try await get(name) == bytes else { throw .conflict(name: name) }
    default: throw refusal(answer, "PUT", name)
    }
  }

  public func get(_ name: String) async throws(ArchiveError) -> [UInt8]? {
    let answer = try await call(Call(method: "GET", name: name))
    switch answer.status {
    case 200...299: return answer.body
    case 404: return nil
    default: throw refusal(answer, "GET", name)
    }
  }

  public func remove(_ name: String) async throws(ArchiveError) {
    let answer = try await call(Call(method: "DELETE", name: name))
    guard (200...299).contains(answer.status) || answer.status == 404 else {
      throw refusal(answer, "DELETE", name)
    }
  }

  public func list(
    _ prefix: String, after: String?
  ) async throws(ArchiveError) -> [StoredObject] {
    var found: [StoredObject] = []
    var token: String?
    repeat {
      var query = [
        ("list-type", "2"), ("max-keys", "\(configuration.pageSize)"),
        ("prefix", configuration.prefix + prefix),
      ]
      if let token {
        query.append(("continuation-token", token))
      } else if let after {
        query.append(("start-after", configuration.prefix + after))
      }
      let answer = try await call(Call(method: "GET", name: "", query: query))
      guard (200...299).contains(answer.status) else { throw refusal(answer, "LIST", prefix) }
      let page = S3Listing(answer.body)
      guard page.isComplete else { throw .unreachable("a listing that ends too early") }
      for entry in page.entries where entry.name.hasPrefix(configuration.prefix) {
        found.append(
          StoredObject(
            name: String(entry.name.dropFirst(configuration.prefix.count)), bytes: entry.bytes))
      }
      guard page.next == nil || page.next != token else {
        throw .unreachable("a listing that does not go on")
      }
      token = page.next
    } while token != nil
    return found.sorted { $0.name < $1.name }
  }

  // Calls.

  private struct Call {
    var method: String
    var name: String
    var body: [UInt8] = []
    var query: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
  }
  private struct Answer {
    var status: UInt
    var body: [UInt8]
  }

  private func refusal(_ answer: Answer, _ method: String, _ name: String) -> ArchiveError {
    let code = S3Listing.text("Code", in: answer.body) ?? ""
    return .refused("\(method) \(name): \(answer.status) \(code)")
  }

  /// One call with its retries; an answer that may pass after the last attempt is thrown.
  private func call(_ call: Call) async throws(ArchiveError) -> Answer {
    var pause = configuration.firstRetryMilliseconds
    var last = ArchiveError.unreachable("no attempt was made")
    for attempt in 1...max(1, configuration.attempts) {
      do {
        let answer = try await once(call)
        guard answer.status >= 500 || answer.status == 429 || answer.status == 408 else {
          return answer
        }
        last = .unreachable("\(call.method) \(call.name): \(answer.status)")
      } catch {
        last = .unreachable("\(call.method) \(call.name): \(error)")
      }
      guard attempt < configuration.attempts, !Task.isCancelled else { break }
      try? await Task.sleep(for: .milliseconds(pause))
      pause = min(pause * 2, configuration.longestRetryMilliseconds)
    }
    throw last
  }

  private func once(_ call: Call) async throws -> Answer {
    let (host, path) = configuration.address(call.name)
    let signed = signer.headers(
      SigV4.Request(
        method: call.method, host: host, path: path, query: call.query, headers: call.headers,
        payloadHash: "\(SHA256Hash.of(call.body))"),
      at: Timestamp(milliseconds: clock.milliseconds()))
    let query = call.query.map { "\(SigV4.encode($0.name))=\(SigV4.encode($0.value))" }
      .joined(separator: "&")
    let url = "\(configuration.scheme)://\(host)\(path)" + (query.isEmpty ? "" : "?\(query)")
    var request = HTTPClientRequest(url: url)
    request.method = .init(rawValue: call.method)
    for header in signed { request.headers.add(name: header.name, value: header.value) }
    if !call.body.isEmpty || call.method == "PUT" {
      request.body = .bytes(ByteBuffer(bytes: call.body))
    }
    let response = try await client.execute(
      request, timeout: .seconds(configuration.timeoutSeconds))
    let limit = ObjectSealer.contentBytes + (1 << 20)
    let body = try await response.body.collect(upTo: limit)
    // Chunked or not: an object that ends early must not look whole.
    if let length = response.headers.first(name: "content-length").flatMap(Int.init),
      call.method != "HEAD", length != body.readableBytes
    {
      throw ArchiveError.unreachable("an answer that ends too early")
    }
    return Answer(status: response.status.code, body: Array(body.readableBytesView))
  }
}

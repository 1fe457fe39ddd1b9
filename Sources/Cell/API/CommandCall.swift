import Edge
import Hummingbird
import Storage
import Wire

/// A writing request taken apart: its input, and the claim under which its answer is kept.
struct CommandCall<Input: Sendable>: Sendable {
  let input: Input
  let tenant: TenantID
  let origin: CommandOrigin
  let claim: IdempotencyClaim
}

extension CellContext {
  /// Where a command of this request comes from, if its body is not worth counting.
  var origin: CommandOrigin { origin(body: 0) }

  /// Where a command comes from that keeps a body of so many bytes while it waits.
  func origin(body: Int) -> CommandOrigin {
    CommandOrigin(
      requestID: edge.idempotencyKey ?? "", traceID: edge.traceID, deadline: edge.deadline,
      bytes: CommandOrigin.ownBytes + body)
  }

  /// Reads a request that writes.
  ///
  /// - Parameters:
  ///   - file: A file that the command writes to anyway; its answer is kept there.
  ///   - retention: How long, in seconds.
  ///
  /// Throws `invalid_json`, `invalid_field` naming the field, `body_too_large`.
  func command<Input: Decodable & Sendable>(
    _ type: Input.Type, _ request: Request, file: FileKind,
    retention: Int64 = IdempotencyClaim.dayRetention
  ) async throws -> CommandCall<Input> {
    let body = try await bytes(request)
    let input = try EdgeJSON.decode(type, from: body)
    return try call(input, body, request, file, retention, principal: try principal().name)
  }

  /// The same for a request without a body.
  func command(
    _ request: Request, file: FileKind, retention: Int64 = IdempotencyClaim.dayRetention
  ) async throws -> CommandCall<Void> {
    try call(
      (), try await bytes(request), request, file, retention, principal: try principal().name)
  }

  /// The same for somebody who has no name yet: the answer is kept for whoever knows the secret
  /// that `secret` finds in the input.
  ///
  /// The secret is in the payload too, so that nobody who reads the file can try out the rest of
  /// it, such as a password, against the payload's hash. It works once, kept or not: whoever has
  /// filled the table does not keep anybody from a new password.
  func command<Input: Decodable & Sendable>(
    _ type: Input.Type, _ request: Request, file: FileKind, heldBy secret: (Input) -> String
  ) async throws -> CommandCall<Input> {
    let body = try await bytes(request)
    let input = try EdgeJSON.decode(type, from: body)
    return try call(
      input, body, request, file, IdempotencyClaim.dayRetention,
      principal: "secret:\(secret(input))", mayGoUnkept: true)
  }

  /// The whole body.
  func bytes(_ request: Request) async throws -> [UInt8] {
    let bytes = Array(try await request.body.collect(upTo: maxUploadSize).readableBytesView)
    RequestObservation.current?.received(bytes: bytes.count)
    return bytes
  }

  /// A removal may go unkept: in an emergency it counts, and its repeat finds it done.
  private func call<Input: Sendable>(
    _ input: Input, _ body: [UInt8], _ request: Request, _ file: FileKind, _ retention: Int64,
    principal: String, mayGoUnkept: Bool = false
  ) throws -> CommandCall<Input> {
    let head = "\(request.method) \(request.uri.path)\n"
    return CommandCall(
      input: input, tenant: try tenant(), origin: origin(body: body.count),
      claim: IdempotencyClaim(
        principal: principal, key: try idempotencyKey(),
        payloadHash: Digest.sha256(Array(head.utf8) + body), file: file,
        retentionSeconds: retention, mayGoUnkept: mayGoUnkept || request.method == .delete))
  }
}

extension CommandCall {
  /// Runs `body` as one command, once per idempotency key: a repeat gets the stored answer.
  func perform(
    _ services: CellServices,
    _ body: @escaping @Sendable (Transaction, Input) throws -> StoredAnswer
  ) async throws -> Response {
    let input = input
    return try await services.store.perform(tenant, origin, claim) { tx in
      try body(tx, input)
    }.response
  }
}

extension StoredAnswer {
  /// An answer in JSON.
  static func json(_ status: Int, _ value: some Encodable) throws -> StoredAnswer {
    StoredAnswer(
      status: status, contentType: "application/json", body: try EdgeJSON.encode(value))
  }

  /// The answer as it is kept where it shows a secret: the files hold none.
  func sealed(_ sealer: Sealer, owner: String, _ tx: Transaction) -> StoredAnswer {
    StoredAnswer(
      status: status, contentType: contentType,
      body: sealer.seal(body, owner: owner, nonce: tx.randomBytes(Sealer.nonceBytes)))
  }

  /// What was ``sealed(_:owner:_:)``, as it is given.
  func opened(_ sealer: Sealer, owner: String) throws(Failure) -> StoredAnswer {
    StoredAnswer(
      status: status, contentType: contentType, body: try sealer.open(body, owner: owner))
  }

  var response: Response {
    var headers = HTTPFields()
    if !contentType.isEmpty { headers[.contentType] = contentType }
    return Response(
      status: .init(code: status), headers: headers,
      body: .init(byteBuffer: ByteBuffer(bytes: body)))
  }
}

extension Response {
  /// A 200 in JSON.
  static func json(_ value: some Encodable) throws -> Response {
    try StoredAnswer.json(200, value).response
  }
}

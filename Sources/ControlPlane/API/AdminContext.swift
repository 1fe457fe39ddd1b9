import Cryptography
import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// The operator who asks.
struct OperatorPrincipal: Sendable {
  let id: String
  let role: PlatformRole
  /// Where a second factor stands behind it.
  var session: OperatorSession? = nil
}

extension EdgeContext {
  /// Who asks; the authentication middleware has let nobody through without.
  func admin() throws(Failure) -> OperatorPrincipal {
    guard let principal = principal as? OperatorPrincipal else {
      throw Failure(.unauthenticated, "send an operator token")
    }
    return principal
  }
}

/// A request whose body has been read, for idempotent commands.
struct AdminBody: Sendable {
  let bytes: [UInt8]

  static func read(_ request: Request) async throws -> AdminBody {
    let buffer = try await request.body.collect(upTo: ControlPlaneLimits.bodyBytes)
    return AdminBody(bytes: Array(buffer.readableBytesView))
  }

  func decode<T: Decodable>(_ type: T.Type) throws -> T { try EdgeJSON.decode(type, from: bytes) }
}

/// A write as one command, stored with its answer under the client's key.
struct AdminCommand: Sendable {
  private let store: PlatformStore
  private let claim: IdempotencyClaim
  let operatorID: String
  let trace: String

  /// - Parameters:
  ///   - deputy: Who acts where no operator asks, such as the deployment's key.
  ///   - isRemoval: Also where it is no DELETE. In an emergency a removal counts: it has its effect
  ///     also where no more answers are kept.
  init(
    _ request: Request, _ body: AdminBody, _ context: EdgeContext, _ services: AdminServices,
    as deputy: String? = nil, isRemoval: Bool = false
  ) throws(Failure) {
    store = services.store
    if let deputy { operatorID = deputy } else { operatorID = try context.admin().id }
    trace = context.traceID
    let key = try context.idempotencyKey()
    guard key.utf8.count <= EdgeLimits.idempotencyKeyLength else {
      throw Failure(
        .invalidField, "Idempotency-Key has at most \(EdgeLimits.idempotencyKeyLength) bytes")
    }
    let scope = "\(request.method.rawValue) \(request.uri.path)\n"
    claim = IdempotencyClaim(
      principal: operatorID, key: key, payloadHash: Digests.sha256(Array(scope.utf8) + body.bytes),
      file: .platform, retentionSeconds: IdempotencyClaim.dayRetention,
      mayGoUnkept: isRemoval || request.method == .delete)
  }

  func perform(
    _ body: @escaping @Sendable (Transaction, PlatformRows) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer {
    try await store.perform(claim, trace: trace, body)
  }

  /// The answer given before under this key, if there is one.
  ///
  /// Nothing is done or stored.
  func earlierAnswer() async throws(Failure) -> StoredAnswer? {
    let none = Failure(.notFound, "no earlier answer")
    do {
      return try await store.perform(claim, trace: trace) { _, _ in throw none }
    } catch {
      if error == none { return nil }
      throw error
    }
  }

  func audit(_ action: String, _ subject: String, _ detail: String = "") -> AuditEntry {
    AuditEntry(
      operatorID: operatorID, action: action, subject: subject, detail: detail, traceID: trace)
  }
}

extension StoredAnswer {
  static func json(_ status: Int, _ value: some Encodable) throws -> StoredAnswer {
    StoredAnswer(
      status: status, contentType: "application/json", body: try EdgeJSON.encode(value))
  }

  /// The answer as it is kept where it shows a secret: the store holds none.
  func sealed(
    _ sealer: Sealer, context: String, _ transaction: Transaction
  ) throws -> StoredAnswer {
    StoredAnswer(
      status: status, contentType: contentType,
      body: try sealer.seal(
        String(decoding: body, as: UTF8.self), context: context,
        nonce: transaction.randomBytes(AuthenticatedCipher.nonceBytes)))
  }

  /// What was ``sealed(_:context:_:)``, as it is given.
  func opened(_ sealer: Sealer, context: String) throws -> StoredAnswer {
    StoredAnswer(
      status: status, contentType: contentType,
      body: Array(try sealer.open(body, context: context).utf8))
  }

  /// The operation that this answer shows; nil for any other answer.
  var operationID: OperationID? {
    struct Named: Decodable { let id: String }
    return (try? EdgeJSON.decode(Named.self, from: body)).map { OperationID(trusted: $0.id) }
  }

  /// The answer with where its operation is to be looked at.
  var accepted: Response {
    var response = response
    if let id = operationID { response.headers[.location] = "/v1/operations/\(id)" }
    return response
  }

  var response: Response {
    Response(
      status: .init(code: status),
      headers: contentType.isEmpty ? [:] : [.contentType: contentType],
      body: .init(byteBuffer: ByteBuffer(bytes: body)))
  }
}

/// Checks of input that several routes share.
///
/// Each names its field.
enum AdminInput {
  static func text(
    _ value: String, _ field: String, length: ClosedRange<Int>
  ) throws(Failure) -> String {
    guard length.contains(value.utf8.count) else {
      throw Failure(
        .invalidField, "\(field) must have \(length.lowerBound) to \(length.upperBound) bytes")
    }
    guard !value.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
      throw Failure(.invalidField, "\(field) must not hold control characters")
    }
    return value
  }

  /// Why an operator does it: may be left out.
  static func reason(_ text: String?) throws(Failure) -> String {
    try Self.text(text ?? "", "reason", length: 0...ControlPlaneLimits.reasonLength)
  }

  /// An identifier in the path that names nothing is the same as one that is malformed: 404.
  static func tenantID(_ context: EdgeContext) throws(Failure) -> TenantID {
    guard let id = TenantID(try context.parameter("id")), !id.rawValue.hasPrefix("_") else {
      throw Failure(.notFound, "no such tenant")
    }
    return id
  }
}

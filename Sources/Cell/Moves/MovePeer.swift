import Messaging
import Storage
import SwiftProtobuf
import Wire

/// The other cell of a move, as messages.
struct MovePeer: Sendable {
  let peer: any Peer

  /// Asks, and throws the other's refusal; `cellUnavailable` where nothing was sent, and
  /// `outcomeUnknown` where it may have been done.
  func ask(
    _ method: WireMethod, _ message: some SwiftProtobuf.Message, timeout: Duration
  ) async throws(Failure) -> [UInt8] {
    let payload: [UInt8]
    do { payload = try message.serializedBytes() } catch {
      throw Failure(.internalError, "a message could not be encoded")
    }
    do {
      return try await peer.request(method, payload, timeout: timeout, traceID: "")
    } catch .refused(let failure) {
      throw failure
    } catch .unreachable(_, sent: false), .saturated, .helloRefused, .closed {
      throw Failure(.cellUnavailable, "the other cell of the move does not answer")
    } catch {
      throw Failure(.outcomeUnknown, "the other cell of the move did not answer in time")
    }
  }

  func ask<Answer: SwiftProtobuf.Message>(
    _ method: WireMethod, _ message: some SwiftProtobuf.Message, timeout: Duration,
    as: Answer.Type = Answer.self
  ) async throws(Failure) -> Answer {
    let bytes = try await ask(method, message, timeout: timeout)
    do { return try Answer(serializedBytes: bytes) } catch {
      throw Failure(.internalError, "the other cell's answer could not be read")
    }
  }
}

extension MovePeer {
  /// Has the other check the files of `bytes` that it was given, and asks again where that takes
  /// longer than an answer is waited for.
  ///
  /// Throws the other's refusal, and `outcomeUnknown` where ``MoveLimits/importTime(of:)`` is over.
  func askImport(
    _ message: Aimstors_ProtoMoveImport, of bytes: UInt64,
    wait: Duration = MoveLimits.importTimeout, isCancelled: @Sendable () -> Bool = { false }
  ) async throws(Failure) {
    let end = ContinuousClock.now + MoveLimits.importTime(of: bytes)
    while true {
      do throws(Failure) {
        _ = try await ask(.moveImport, message, timeout: wait)
        return
      } catch {
        guard error.code == .outcomeUnknown, ContinuousClock.now < end else { throw error }
        guard !isCancelled() else { throw MoveOrder.cancelled }
        guard (try? await Task.sleep(for: MoveLimits.beginPause)) != nil else { throw error }
      }
    }
  }
}

extension MoveRelease {
  init(_ message: Aimstors_ProtoMoveRelease) throws(Failure) {
    guard let hash = SHA256Hash(copying: message.hash) else {
      throw Failure(.invalidField, "a release's hash has 32 bytes")
    }
    self.init(
      epoch: Epoch(message.epoch), cellSeq: CellSeq(message.cellSeq),
      tenantSeq: TenantSeq(message.tenantSeq), hash: hash,
      time: Timestamp(milliseconds: message.timeMs))
  }

  func message(of tenant: TenantID) -> Aimstors_ProtoMoveRelease {
    var message = Aimstors_ProtoMoveRelease()
    message.tenant = tenant.rawValue
    message.epoch = epoch.rawValue
    message.cellSeq = cellSeq.rawValue
    message.tenantSeq = tenantSeq.rawValue
    message.hash = .init(hash.bytes)
    message.timeMs = time.milliseconds
    return message
  }
}

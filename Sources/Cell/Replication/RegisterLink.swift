import Messaging
import SwiftProtobuf
import Wire

/// A primary's talk with the control plane about its cell's register.
struct RegisterLink: Sendable {
  let peer: any Peer
  let cell: CellID
  let replica: String
  let generation: Generation

  /// Says how this replica is; answers the register.
  func report(_ report: Aimstors_ProtoReplicaReport) async throws(Failure) -> CellRegister {
    try register(try await ask(.replicaReport, report))
  }

  /// One compare-and-set; answers the register after it.
  ///
  /// Throws `conflict` where the register is another by now, `generationFenced` where a higher
  /// generation has taken over; after any other failure it may have been changed or not.
  func change(
    _ change: String, _ follower: String, expecting version: UInt64
  ) async throws(Failure) -> CellRegister {
    var request = Aimstors_ProtoRegisterChange()
    request.cell = cell.rawValue
    request.replica = replica
    request.generation = generation.rawValue
    request.version = version
    request.change = change
    request.follower = follower
    return try register(try await ask(.registerChange, request))
  }

  private func ask(
    _ method: WireMethod, _ message: some SwiftProtobuf.Message
  ) async throws(Failure) -> [UInt8] {
    let payload: [UInt8]
    do { payload = try message.serializedBytes() } catch {
      throw Failure(.internalError, "a message could not be encoded")
    }
    do {
      return try await peer.request(
        method, payload, timeout: CellLimits.controlPlaneTimeout, traceID: "")
    } catch .refused(let failure) {
      throw failure
    } catch {
      throw Failure(.controlPlaneUnavailable, "the control plane does not answer")
    }
  }

  private func register(_ bytes: [UInt8]) throws(Failure) -> CellRegister {
    guard let message = try? Aimstors_ProtoCellRegister(serializedBytes: bytes),
      message.cell == cell.rawValue
    else { throw Failure(.controlPlaneUnavailable, "the register could not be read") }
    return CellRegister(
      cell: cell, generation: Generation(message.generation), primary: message.primary,
      promotable: Set(message.promotable), version: message.version)
  }
}

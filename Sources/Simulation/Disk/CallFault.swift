import Platform

/// A failure of the k-th call of any kind, and of all behind it where it is permanent.
///
/// It waits, from its call on, for the first one that can fail in its way: nothing but a write is
/// short, and a full disk can still be read.
public struct CallFault: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    case inputOutput = "EIO"
    case noSpace = "ENOSPC"
    case shortWrite = "short-write"
    case sync = "fsync-EIO"
  }

  public let kind: Kind
  /// Counted from now: 1 is the next call.
  public var call: Int
  public let isPermanent: Bool
  /// Whether it was met.
  public internal(set) var isMet = false

  public init(_ kind: Kind, call: Int, isPermanent: Bool) {
    self.kind = kind
    self.call = call
    self.isPermanent = isPermanent
  }

  /// What becomes of a call; nil: it is not one that fails in this way.
  func effect(on operation: FileError.Operation) -> SimulatedDisk.Fault.Effect? {
    switch (kind, operation) {
    case (.inputOutput, _), (.sync, .sync), (.sync, .syncDirectory): .error(SystemErrors.io)
    case (.noSpace, .write), (.noSpace, .createDirectory): .error(SystemErrors.noSpace)
    case (.shortWrite, .write): .shortWrite(100)
    default: nil
    }
  }
}

extension SimulatedDisk {
  /// Makes one later call fail, whichever it is; ``kill()`` takes it back.
  public func inject(_ fault: CallFault) { state.withLock { $0.callFault = fault } }

  /// How often injected call faults were met, as `write.ENOSPC`.
  public var faultsMet: [String: Int] { state.withLock { $0.faultsMet } }
}

extension SimulatedDisk.State {
  mutating func meetCallFault(
    _ operation: FileError.Operation
  ) -> SimulatedDisk.Fault.Effect? {
    guard var fault = callFault else { return nil }
    fault.call -= 1
    defer { callFault = fault }
    guard fault.call <= 0, fault.isPermanent || !fault.isMet,
      let effect = fault.effect(on: operation)
    else { return nil }
    fault.isMet = true
    faultsMet["\(operation.rawValue).\(fault.kind.rawValue)", default: 0] += 1
    return effect
  }
}

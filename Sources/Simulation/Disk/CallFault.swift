import Platform

/// A failure of the k-th call of any kind, and of all behind it where it is permanent; of all files
/// or of some.
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
  /// Counted from now, over the calls whose path contains `mark`: 1 is the next one.
  public var call: Int
  public let mark: String
  public let isPermanent: Bool
  /// Whether it was met.
  public internal(set) var isMet = false

  public init(_ kind: Kind, call: Int, of mark: String = "", isPermanent: Bool) {
    self.kind = kind
    self.call = call
    self.mark = mark
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

/// A call that met a ``CallFault``.
public struct MetCall: Hashable, Sendable {
  public let operation: FileError.Operation
  public let kind: CallFault.Kind
  public let path: String
}

extension SimulatedDisk {
  /// Makes one later call fail, whichever it is; ``kill()`` and ``clearFaults()`` take it back.
  public func inject(_ fault: CallFault) { state.withLock { $0.callFault = fault } }

  /// How often injected call faults were met.
  public var faultsMet: [MetCall: Int] { state.withLock { $0.faultsMet } }

  /// How many calls there were to the paths that `isCounted` says.
  public func callCount(_ isCounted: (String) -> Bool) -> Int {
    state.withLock { state in
      state.pathCalls.reduce(0) { isCounted($1.key) ? $0 + $1.value : $0 }
    }
  }
}

extension SimulatedDisk.State {
  mutating func meetCallFault(
    _ operation: FileError.Operation, _ path: String
  ) -> SimulatedDisk.Fault.Effect? {
    guard var fault = callFault, fault.mark.isEmpty || path.contains(fault.mark) else { return nil }
    fault.call -= 1
    defer { callFault = fault }
    guard fault.call <= 0, fault.isPermanent || !fault.isMet,
      let effect = fault.effect(on: operation)
    else { return nil }
    fault.isMet = true
    faultsMet[MetCall(operation: operation, kind: fault.kind, path: path), default: 0] += 1
    return effect
  }
}

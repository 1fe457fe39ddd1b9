import Platform

/// A failure of the k-th call that can fail in its way, and of all such calls behind it where it is
/// permanent; of all files or of some.
///
/// Nothing but a write is short, and a full disk can still be read.
public struct CallFault: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    case inputOutput = "EIO"
    case noSpace = "ENOSPC"
    case shortWrite = "short-write"
    case sync = "fsync-EIO"

    /// What becomes of a call; nil: it is not one that fails in this way.
    func effect(on operation: FileError.Operation) -> SimulatedDisk.Fault.Effect? {
      switch (self, operation) {
      case (.inputOutput, _), (.sync, .sync), (.sync, .syncDirectory): .error(SystemErrors.io)
      case (.noSpace, .write), (.noSpace, .createDirectory): .error(SystemErrors.noSpace)
      case (.shortWrite, .write): .shortWrite(100)
      default: nil
      }
    }
  }

  public let kind: Kind
  /// Counted from now, over the calls of this kind to `paths`: 1 is the next one.
  public var call: Int
  public let paths: DiskPaths
  public let isPermanent: Bool
  /// Whether it was met.
  public internal(set) var isMet = false

  public init(_ kind: Kind, call: Int, of paths: DiskPaths = "", isPermanent: Bool) {
    self.kind = kind
    self.call = call
    self.paths = paths
    self.isPermanent = isPermanent
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

  /// How many calls there were to `paths` that can fail in this way.
  public func callCount(_ kind: CallFault.Kind, of paths: DiskPaths) -> Int {
    state.withLock { state in
      state.pathCalls.reduce(0) { sum, path in
        guard paths.contains(path.key) else { return sum }
        return path.value.reduce(sum) { kind.effect(on: $1.key) == nil ? $0 : $0 + $1.value }
      }
    }
  }
}

extension SimulatedDisk.State {
  mutating func meetCallFault(
    _ operation: FileError.Operation, _ path: String
  ) -> SimulatedDisk.Fault.Effect? {
    guard var fault = callFault, fault.paths.contains(path),
      let effect = fault.kind.effect(on: operation)
    else { return nil }
    fault.call -= 1
    defer { callFault = fault }
    guard fault.call <= 0, fault.isPermanent || !fault.isMet else { return nil }
    fault.isMet = true
    faultsMet[MetCall(operation: operation, kind: fault.kind, path: path), default: 0] += 1
    return effect
  }
}

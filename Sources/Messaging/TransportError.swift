/// A fault of setting up messaging at an address: it cannot be bound, dialed or configured.
public struct TransportError: Error, Sendable, CustomStringConvertible {
  /// What was tried, as a verb: `listen`, `publish`, `subscribe`, `configure TLS`.
  public let operation: String
  public let address: Address
  public let reason: String
  /// Another process listens there.
  public let isAddressInUse: Bool

  public init(
    operation: String, address: Address, reason: String, isAddressInUse: Bool = false
  ) {
    self.operation = operation
    self.address = address
    self.reason = reason
    self.isAddressInUse = isAddressInUse
  }

  public var description: String { "\(operation) at \(address): \(reason)" }
}

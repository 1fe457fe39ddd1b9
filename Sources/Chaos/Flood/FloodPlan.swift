/// How large a flood is, and what the processes may need for it.
public struct FloodPlan: Sendable {
  /// Connections with a body each: too many for the room of all if every router kept them.
  public let connections: Int
  /// What a router holds of bodies at least when all are there: with less it was no flood.
  public let heldBytes: Int
  /// What router and cells may grow by at their worst, in KiB.
  public let routerKiB: Int
  public let cellKiB: Int
  /// `x-hub-signature-256` of a webhook's body under an app's secret.
  public let sign: @Sendable (_ secret: String, _ body: [UInt8]) -> String

  public init(
    connections: Int, heldBytes: Int, routerKiB: Int, cellKiB: Int,
    sign: @escaping @Sendable (_ secret: String, _ body: [UInt8]) -> String
  ) {
    self.connections = connections
    self.heldBytes = heldBytes
    self.routerKiB = routerKiB
    self.cellKiB = cellKiB
    self.sign = sign
  }
}

/// What a messenger is doing and has done; counters rise from the messenger's start.
public struct MessagingMetrics: Sendable {
  /// One per address that was asked.
  public let peers: [PeerMetrics]
  /// One per address listened at.
  public let listeners: [ListenerMetrics]
}

/// The calls to one peer.
public struct PeerMetrics: Sendable {
  public let address: Address
  public let isConnected: Bool
  public let inFlight: Int
  /// Calls that wait for a slot or a connection.
  public let waiting: Int
  /// Connections made; one more than the reconnects.
  public let connections: Int
  /// Calls refused because slots and queue were full.
  public let saturated: UInt64
  public let deadlinesExceeded: UInt64
  /// Calls whose connection ended before the answer.
  public let lost: UInt64
  /// Connections given up because the peer had fallen silent.
  public let silences: UInt64
}

/// The requests at one listener.
public struct ListenerMetrics: Sendable {
  public let address: Address
  public let inFlight: Int
  public let sessions: Int
  public let answered: UInt64
  /// Requests answered `overloaded`.
  public let shed: UInt64
}

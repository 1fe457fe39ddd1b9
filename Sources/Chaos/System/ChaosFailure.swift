/// Why a mode could not go on; `unsupported` where this machine does not allow it.
public struct ChaosFailure: Error, CustomStringConvertible {
  public let description: String
  public let isUnsupported: Bool

  public init(_ description: String, isUnsupported: Bool = false) {
    self.description = description
    self.isUnsupported = isUnsupported
  }
}

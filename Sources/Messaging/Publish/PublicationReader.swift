import Wire

/// Opens the publications of one subscription, in order; pure.
struct PublicationReader {
  private let deployment: DeploymentKey
  private var salt: [UInt8] = []
  private var key: [UInt8] = []
  private var counter: UInt64 = 0
  /// Publications that were not readable, not the deployment's, or repeated.
  private(set) var refused: UInt64 = 0

  init(key: DeploymentKey) { deployment = key }

  /// The publication in `bytes`; nil for what is not one, or is older than the last.
  mutating func read(_ bytes: [UInt8]) -> Publication? {
    guard let sealed = PublicationSeal.split(bytes), let topic = WireTopic(rawValue: sealed.topic)
    else { return refuse() }
    let isSamePublisher = sealed.salt == salt
    if isSamePublisher, sealed.counter <= counter { return refuse() }
    let key = isSamePublisher ? key : PublicationSeal.key(deployment, salt: sealed.salt)
    guard let payload = PublicationSeal.open(sealed, key: key) else { return refuse() }
    (salt, self.key, counter) = (sealed.salt, key, sealed.counter)
    return Publication(topic: topic, payload: payload)
  }

  private mutating func refuse() -> Publication? {
    refused += 1
    return nil
  }
}

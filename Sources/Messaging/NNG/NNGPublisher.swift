import CNNG
import Logging
import Synchronization
import Wire

/// Publishes over one PUB socket.
///
/// Slow subscribers lose messages; nobody waits for them.
final class NNGPublisher: Publisher {
  let address: Address
  private let socket: NNGSocket
  private let key: [UInt8]
  private let salt: [UInt8]
  private let log: Logger
  private let counter = Mutex<UInt64>(0)

  init(
    at address: Address, tls: NNGTLS?, deployment: DeploymentKey, salt: [UInt8], log: Logger
  ) throws {
    socket = try NNGSocket(.publish)
    do {
      self.address = try socket.listen(at: address, tls: tls).address
    } catch {
      socket.close()
      throw error
    }
    nng_socket_set_int(socket.socket, NNG_OPT_SENDBUF, Int32(MessagingLimits.subscriptionQueue))
    key = PublicationSeal.key(deployment, salt: salt)
    self.salt = salt
    self.log = log
  }

  func publish(_ topic: WireTopic, _ payload: [UInt8]) async {
    guard payload.count <= MessagingLimits.payloadBytes else {
      log.error(
        "publication over the limit", metadata: ["topic": "\(topic)", "bytes": "\(payload.count)"])
      return
    }
    // Sealing and sending under one lock keeps counters in the order in which they are sent.
    let code = counter.withLock { counter -> Int32 in
      counter += 1
      guard
        let bytes = PublicationSeal.seal(
          topic: topic.rawValue, payload, key: key, salt: salt, counter: counter),
        let message = NNGMessage(count: bytes.count, { $0.copyBytes(from: bytes) })
      else { return Int32(NNG_ENOMEM.rawValue) }
      let code = nng_sendmsg(socket.socket, message.pointer, Int32(NNG_FLAG_NONBLOCK))
      if code != 0 { message.free() }
      return code
    }
    if code != 0 {
      log.error(
        "publication not sent",
        metadata: ["topic": "\(topic)", "error": "\(NNGError(code: code))"])
    }
  }

  func release() { socket.close() }
}

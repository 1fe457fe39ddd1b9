public enum MessagingLimits { public static let subscriptionQueue = 1024 }

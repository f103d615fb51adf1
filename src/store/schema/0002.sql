-- What went through a connection that was opened and not read: bytes to the provider, bytes from it, how long.
ALTER TABLE calls ADD COLUMN sent INTEGER CHECK (sent >= 0);
ALTER TABLE calls ADD COLUMN received INTEGER CHECK (received >= 0);
ALTER TABLE calls ADD COLUMN milliseconds INTEGER CHECK (milliseconds >= 0);

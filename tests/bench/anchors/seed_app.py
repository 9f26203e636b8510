"""The seed's own design made runnable, as a peer: FastAPI, its booking, a JWT checked per request.

Faithful to the seed: availability, consent, insert, notify twice, audit, each a statement of its
own through an ORM session. Put right, since otherwise it would not run or not compare: the overlap
predicate, one transaction a booking, exclusion constraints, an Idempotency-Key row and a history
row. SEED_ORM=0 replaces the ORM by bare asyncpg with prepared statements: the best of that design.
"""
import hashlib
import json
import os
import uuid
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone

import asyncpg
import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

DSN, SECRET = os.environ["SEED_DSN"], os.environ["SEED_SECRET"]
ORM = os.environ["SEED_ORM"] == "1"
LIVE = "('scheduled','confirmed','arrived','in_progress')"
NAMES = "abcdef"

pool = None
Session = None
if ORM:
    engine = create_async_engine(DSN.replace("postgresql://", "postgresql+asyncpg://"),
                                 pool_size=16, max_overflow=0)
    Session = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(_):
    global pool
    if not ORM:
        pool = await asyncpg.create_pool(DSN, min_size=4, max_size=16)
    yield
    if pool:
        await pool.close()


app = FastAPI(lifespan=lifespan)


class Booking(BaseModel):
    provider_id: uuid.UUID
    appointment_time: datetime
    duration_minutes: int = 30
    reason: str


def current_user(authorization: str = Header()) -> dict:
    try:
        return jwt.decode(authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"])
    except jwt.PyJWTError:
        raise HTTPException(401, "bad token")


async def book(run, b: Booking, patient: uuid.UUID, key: str):
    start = b.appointment_time
    end = start + timedelta(minutes=b.duration_minutes)
    if await run(f"SELECT id FROM appointment WHERE provider_id = :a AND state IN {LIVE} "
                 "AND during && tstzrange(:b, :c)", b.provider_id, start, end):
        raise HTTPException(409, "Provider not available at this time")
    if not await run("SELECT 1 FROM consent WHERE patient_id = :a AND active", patient):
        raise HTTPException(403, "Patient has not provided consent")
    id = uuid.uuid4()
    await run("INSERT INTO appointment (id, provider_id, patient_id, during, reason) "
              "VALUES (:a, :b, :c, tstzrange(:d, :e), :f)",
              id, b.provider_id, patient, start, end, b.reason.encode())
    await run("INSERT INTO appointment_history (appointment_id, version, state, actor) "
              "VALUES (:a, 1, 'scheduled', :b)", id, patient)
    for who in (patient, b.provider_id):
        body = json.dumps({"to": str(who), "text": f"Appointment with {b.provider_id} on {start}"})
        await run("INSERT INTO outbox (topic, key, body) VALUES ('appointments.events.v1', :a, :b)",
                  id, body.encode())
    await run("INSERT INTO audit_row (actor, action, subject, body) "
              "VALUES (:a, 'appointment_created', :b, :c)", patient, id,
              json.dumps({"provider": str(b.provider_id), "at": str(start)}).encode())
    reply = {"id": str(id), "patient_id": str(patient), "provider_id": str(b.provider_id),
             "appointment_time": start.isoformat(), "duration_minutes": b.duration_minutes,
             "reason": b.reason, "status": "scheduled",
             "created_at": datetime.now(timezone.utc).isoformat(),
             "video_room_id": str(uuid.uuid4()), "notes": "", "prescription_ids": []}
    await run("INSERT INTO idempotency (actor, key, body_hash, reply) "
              "VALUES (:a, :b, :c, cast(:d AS jsonb))", patient, key,
              hashlib.sha256(b.model_dump_json().encode()).digest(), json.dumps(reply))
    return reply


async def through_orm(b, patient, key):
    async with Session() as session, session.begin():
        async def run(sql, *args):
            result = await session.execute(text(sql), dict(zip(NAMES, args)))
            return result.fetchall() if result.returns_rows else None
        return await book(run, b, patient, key)


async def through_asyncpg(b, patient, key):
    async with pool.acquire() as connection, connection.transaction():
        async def run(sql, *args):
            for i, name in enumerate(NAMES[: len(args)]):
                sql = sql.replace(f":{name}", f"${i + 1}")
            return await connection.fetch(sql, *args)
        return await book(run, b, patient, key)


@app.post("/v1/appointments", status_code=201)
async def create(b: Booking, user: dict = Depends(current_user),
                 idempotency_key: str = Header()):
    try:
        return await (through_orm if ORM else through_asyncpg)(
            b, uuid.UUID(user["sub"]), idempotency_key)
    except (IntegrityError, asyncpg.ExclusionViolationError):
        raise HTTPException(409, "Provider not available at this time")

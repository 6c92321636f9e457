-- Which competitors are named how often on the calls of the largest open opportunities?
-- As competitors_by_opportunity.sql, from the tables of what calls nest, a row for each pair.
with field as (
    select callId, objectId, unnest(fields::json[]) as field
    from gong.call_context_objects
    where objectType = 'Opportunity'
),
opportunity as (
    select
        callId,
        objectId,
        max(field ->> 'value') filter (where field ->> 'name' = 'Name') as name,
        max(field ->> 'value') filter (where field ->> 'name' = 'Amount') as amount,
        max(field ->> 'value') filter (where field ->> 'name' = 'IsClosed') as is_closed
    from field
    group by callId, objectId
),
said as (
    select callId, unnest(phrases::json[]) as phrase
    from gong.call_trackers
    where name = 'Competitors'
),
mention as (
    select
        opportunity.objectId,
        any_value(opportunity.name) as opportunity,
        cast(any_value(opportunity.amount) as decimal(18, 0)) as amount,
        said.phrase ->> 'phrase' as competitor,
        cast(sum(cast(said.phrase ->> 'count' as bigint)) as bigint) as mentions
    from opportunity
    join said using (callId)
    where opportunity.is_closed = 'false' and cast(said.phrase ->> 'count' as bigint) > 0
    group by opportunity.objectId, competitor
),
largest as (
    select distinct objectId, amount, opportunity
    from mention
    order by amount desc, opportunity
    limit 12
)
select opportunity, amount, competitor, mentions
from mention
semi join largest using (objectId)
order by amount desc, opportunity, competitor;

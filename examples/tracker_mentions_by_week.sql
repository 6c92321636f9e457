-- How often is what the trackers listen for said, week by week?
-- Weeks begin on Mondays; trackers of the same name in several workspaces are one; the six most
-- mentioned are shown, with 0 for the weeks in which they were not.
with counted as (
    select
        cast(date_trunc('week', calls.started) as date) as week,
        tracker.name as tracker,
        sum(tracker.count) as mentions
    from gong.call_trackers as tracker
    join gong.calls as calls on calls.id = tracker.callId
    group by week, tracker.name
),
most as (
    select tracker
    from counted
    group by tracker
    order by sum(mentions) desc, tracker
    limit 6
),
weeks as (
    select distinct week
    from counted
)
select
    weeks.week,
    most.tracker,
    cast(coalesce(counted.mentions, 0) as bigint) as mentions
from weeks
cross join most
left join counted on counted.week = weeks.week and counted.tracker = most.tracker
order by weeks.week, most.tracker;
